// Asks for an API key where the service wants one.

import { byId, el, fill } from "./dom.js";
import { inWords } from "./problems.js";
import { t } from "./words.js";

let asking = null;

/** A key that somebody types; several questions that need one wait for the same. `wrong` tells of the last one. */
export function askForKey(wrong) {
  asking ??= new Promise((resolve) => show(wrong, resolve)).finally(() => {
    asking = null;
  });
  return asking;
}

function show(wrong, resolve) {
  const sheet = byId("key");
  const input = el("input", {
    id: "key-input",
    type: "password",
    required: true,
    autocomplete: "off",
    "aria-describedby": "key-lead",
  });
  const submit = (event) => {
    event.preventDefault();
    sheet.close();
    resolve(input.value.trim());
  };
  fill(
    sheet,
    el(
      "form",
      { class: "key", submit },
      el("h2", { id: "key-title" }, t("key-title")),
      el("p", { id: "key-lead" }, t("key-lead")),
      wrong && el("p", { class: "wrong", role: "alert" }, inWords(wrong)),
      el("label", { for: "key-input" }, t("key-label")),
      input,
      el("button", { type: "submit", class: "go" }, t("key-go")),
    ),
  );
  sheet.oncancel = (event) => event.preventDefault();
  if (!sheet.open) sheet.showModal();
  input.focus();
}
