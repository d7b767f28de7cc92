import { byId } from "./elements.js";

/**
 * Asks for a name. Resolves to it, "" for a guest; or to null when someone who has a name keeps it.
 * @param {string | null} current the name until now; null on a first visit, where Escape enters as a guest
 * @param {{reason?: string, suggestion?: string}} [options] why another name is needed, and which might do
 */
export function askName(current, { reason = "", suggestion = current ?? "" } = {}) {
  const dialog = byId("name-dialog");
  const input = byId("name");
  const cancel = byId("name-cancel");
  input.value = suggestion;
  byId("name-reason").textContent = reason;
  byId("name-reason").hidden = !reason;
  byId("name-heading").textContent = reason ? "Another name, please" : "What shall we call you?";
  cancel.hidden = current === null;
  dialog.returnValue = "";
  return new Promise((resolve) => {
    const done = new AbortController();
    const { signal } = done;
    cancel.addEventListener("click", () => dialog.close("cancel"), { signal });
    dialog.addEventListener("close", () => {
      done.abort();
      if (dialog.returnValue === "enter") resolve(input.value.trim());
      else resolve(current === null ? "" : null);
    }, { signal });
    dialog.showModal();
    input.select();
  });
}
