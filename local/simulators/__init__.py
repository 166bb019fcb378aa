"""Simulators of the three providers: small Flask apps for the tests (in process) and for the local run (over HTTP).

Nothing here is deployed. See README.md beside this file for the controls and the faults.
"""
