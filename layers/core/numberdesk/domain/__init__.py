"""The order desk's rules: plain values in, plain values out; no I/O, no clock of its own."""
