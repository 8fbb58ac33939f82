// @ts-check
// Copying the command, where the browser lets us.

for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const said = (text) => document.dispatchEvent(new CustomEvent("page:toast", { detail: { text } }));
    try {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      said("Copied");
    } catch {
      said("The browser does not allow to copy. Select the command instead.");
    }
  });
}
