import { tokenFrom } from "./credentials.js";
import { byId } from "./elements.js";

/**
 * Asks for a token until `use` has taken one. Resolves to "used", "sign-out" or "cancel".
 * @param {{heading: string, reason?: string, action: string, canSignOut?: boolean,
 *   use: (token: string) => Promise<void> | void}} options `use` throws an error whose message a person can read
 */
export function askToken({ heading, reason = "", action, canSignOut = false, use }) {
  const dialog = byId("token-dialog");
  const input = byId("token");
  const submit = byId("token-submit");
  const tell = (text) => {
    byId("token-error").textContent = text;
    input.ariaInvalid = String(text !== "");
  };
  byId("token-heading").textContent = heading;
  byId("token-reason").textContent = reason;
  byId("token-reason").hidden = !reason;
  byId("token-sign-out").hidden = !canSignOut;
  submit.textContent = action;
  input.value = "";
  tell("");
  dialog.returnValue = "cancel";
  return new Promise((resolve) => {
    const done = new AbortController();
    const { signal } = done;
    const leave = (how) => dialog.close(how);
    const take = async (event) => {
      event.preventDefault();
      if (submit.ariaDisabled === "true") return;
      submit.ariaDisabled = "true";
      try {
        await use(tokenFrom(input.value));
        if (!signal.aborted) leave("used");
      } catch (error) {
        tell(error.message);
        input.select();
        input.focus();
      } finally {
        submit.ariaDisabled = "false";
      }
    };
    byId("token-form").addEventListener("submit", take, { signal });
    input.addEventListener("input", () => tell(""), { signal });
    byId("token-cancel").addEventListener("click", () => leave("cancel"), { signal });
    byId("token-sign-out").addEventListener("click", () => leave("sign-out"), { signal });
    dialog.addEventListener("close", () => {
      done.abort();
      // It is not left lying about in a field.
      input.value = "";
      resolve(dialog.returnValue);
    }, { signal });
    dialog.showModal();
  });
}
