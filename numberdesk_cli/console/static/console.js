// Keys, the palette, and the pausing of refreshes. Everything else works without it.
"use strict";
(() => {
  const find = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const main = () => find("#main");

  // Refreshes pause while somebody types, selects text, or has something filled in or selected.
  const changed = (field) =>
    field.type === "file" ? field.files.length > 0
      : field.type === "checkbox" || field.type === "radio" ? field.checked !== field.defaultChecked
        : field.tagName === "SELECT" ? [...field.options].some((each) => each.selected !== each.defaultSelected) &&
            field.selectedIndex !== Math.max([...field.options].findIndex((each) => each.defaultSelected), 0)
          : field.value !== field.defaultValue;
  const paused = () => {
    const active = document.activeElement;
    const typing = active && main().contains(active) && active.matches("input:not([type=checkbox]):not([type=radio]), textarea, select");
    const selection = window.getSelection();
    const reading = selection && !selection.isCollapsed && main().contains(selection.anchorNode);
    const filled = all("#main input:not([type=hidden]), #main textarea, #main select").some(changed);
    return Boolean(typing || reading || filled || find("dialog[open]"));
  };
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (!event.detail.elt.hasAttribute("data-live")) return;
    const wait = paused();
    find("#paused").hidden = !wait;
    // A page that nobody sees asks for nothing.
    if (wait || document.hidden) event.preventDefault();
  });
  // An answer that was on its way when somebody began to type is thrown away; what somebody opened stays open.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const part = event.detail.target;
    if (part.hasAttribute("data-live") && paused()) event.detail.shouldSwap = false;
    else part.opened = all("details[open]", part).map((each) => all("details", part).indexOf(each));
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const opened = event.detail.target.opened;
    const part = event.detail.target.id ? document.getElementById(event.detail.target.id) : null;
    if (part && opened) opened.forEach((index) => { const each = all("details", part)[index]; if (each) each.open = true; });
  });
  document.addEventListener("htmx:afterRequest", (event) => { find("#stale").hidden = Boolean(event.detail.successful); });

  // Rows
  document.addEventListener("change", (event) => {
    if (!event.target.matches("[data-select-all]")) return;
    all("[data-select]", event.target.closest("table")).forEach((each) => { each.checked = event.target.checked; });
  });
  const move = (step) => {
    const rows = all("[data-row]");
    if (!rows.length) return;
    const at = rows.findIndex((row) => row.contains(document.activeElement));
    const next = rows[Math.min(Math.max(at + step, 0), rows.length - 1)];
    const stop = find("a, input, button, summary", find("th", next) || next) || find("a, input, button, summary", next);
    if (stop) stop.focus();
  };

  // Dialogs
  const open = (id) => {
    const dialog = document.getElementById(id);
    if (!dialog || dialog.open) return;
    all("dialog[open]").forEach((each) => each.close());
    dialog.showModal();
    if (id === "palette") { const text = find("#palette-text"); text.value = ""; list(""); text.focus(); }
  };
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-open]");
    if (opener) open(opener.dataset.open);
    const option = event.target.closest("[data-go]");
    if (option) window.location.assign(option.dataset.go);
  });

  // Palette
  const options = () => all("#palette-list [role=option]:not([hidden])");
  const choose = (option) => {
    all("#palette-list [role=option]").forEach((each) => each.setAttribute("aria-selected", String(each === option)));
    const text = find("#palette-text");
    if (option) { text.setAttribute("aria-activedescendant", option.id); option.scrollIntoView({ block: "nearest" }); }
    else text.removeAttribute("aria-activedescendant");
  };
  const list = (typed) => {
    const wanted = typed.trim().toLowerCase();
    all("#palette-list [data-order]").forEach((each) => each.remove());
    all("#palette-list [role=option]").forEach((each) => { each.hidden = !each.textContent.toLowerCase().includes(wanted); });
    const shown = all("#main a[href^='/orders/']").map((each) => each.textContent.trim());
    const ids = wanted ? [...new Set([...shown.filter((each) => each.toLowerCase().includes(wanted)).slice(0, 5), typed.trim()])] : [];
    ids.forEach((id, index) => {
      const option = document.createElement("li");
      option.setAttribute("role", "option");
      option.id = `palette-order-${index}`;
      option.dataset.go = `/go?order=${encodeURIComponent(id)}`;
      option.dataset.order = "";
      option.textContent = `Order ${id}`;
      find("#palette-list").append(option);
    });
    choose(options()[0]);
  };
  document.addEventListener("input", (event) => { if (event.target.id === "palette-text") list(event.target.value); });

  // Keys
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") { event.preventDefault(); open("palette"); return; }
    if (event.target.id === "palette-text") {
      const shown = options();
      const at = shown.findIndex((each) => each.getAttribute("aria-selected") === "true");
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        choose(shown[(at + (event.key === "ArrowDown" ? 1 : shown.length - 1)) % shown.length]);
      } else if (event.key === "Enter") {
        event.preventDefault();
        if (shown[at]) window.location.assign(shown[at].dataset.go);
      }
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || find("dialog[open]")) return;
    if (event.target.matches("input:not([type=checkbox]):not([type=radio]), textarea, select")) return;
    if (event.key === "/") { event.preventDefault(); find("[data-search]").focus(); }
    else if (event.key === "?") { event.preventDefault(); open("keys"); }
    else if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key === "x") {
      const row = document.activeElement && document.activeElement.closest("[data-row]");
      const box = row && find("[data-select]", row);
      if (box) { box.checked = !box.checked; box.dispatchEvent(new Event("change", { bubbles: true })); }
    }
  });
})();
