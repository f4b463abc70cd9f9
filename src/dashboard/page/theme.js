// Before the page is drawn, so that nobody is blinded by the wrong one for a moment.
(() => {
  const modes = ["auto", "light", "dark"];
  const root = document.documentElement;
  const keep = (mode) => { try { localStorage.setItem("chainfill-theme", mode); } catch { /* a private window */ } };
  let mode = "auto";
  try { mode = localStorage.getItem("chainfill-theme") ?? "auto"; } catch { /* a private window */ }
  if (!modes.includes(mode)) mode = "auto";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    root.dataset.theme = mode === "auto" ? (system.matches ? "dark" : "light") : mode;
    const words = document.getElementById("theme-words");
    if (words) words.textContent = { auto: "Auto", light: "Light", dark: "Dark" }[mode];
    dispatchEvent(new Event("themed"));
  };
  apply();
  system.addEventListener("change", apply);
  addEventListener("DOMContentLoaded", () => {
    apply();
    const button = document.getElementById("theme");
    button.setAttribute("aria-label", `Colours: ${mode}`);
    button.addEventListener("click", () => {
      mode = modes[(modes.indexOf(mode) + 1) % modes.length];
      keep(mode);
      button.setAttribute("aria-label", `Colours: ${mode}`);
      apply();
    });
  });
})();
