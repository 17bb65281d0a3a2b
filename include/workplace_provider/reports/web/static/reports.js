// The pages run in a sandboxed frame of Airflow's UI: they follow its theme, and ask its window to follow links.
"use strict";
const ui = parent === window ? null : parent;
const root = document.documentElement;

const theme = () => {
  if (ui) return ui.document.documentElement.classList.contains("dark") ? "dark" : "light";
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
};
const applyTheme = () => {
  root.className = theme();
  for (const frame of document.querySelectorAll("iframe[data-src]")) {
    const address = `${frame.dataset.src}&theme=${theme()}`;
    if (frame.getAttribute("src") !== address) frame.setAttribute("src", address);
  }
};
applyTheme();
if (ui) new MutationObserver(applyTheme).observe(ui.document.documentElement, { attributes: true, attributeFilter: ["class"] });
else matchMedia("(prefers-color-scheme: dark)").addEventListener("change", applyTheme);

document.addEventListener("click", event => {
  const link = event.target.closest("a[data-out], a[data-ui]");
  if (!link) return;
  const isNew = "out" in link.dataset || event.ctrlKey || event.metaKey;
  if (!ui && !isNew) return;
  event.preventDefault();
  if (isNew) (ui || window).open(link.href, "_blank", "noopener");
  else {
    // The sandbox does not let this frame navigate its parent, but a link of the parent's own document may.
    const own = ui.document.createElement("a");
    own.href = link.href;
    own.click();
  }
});

const start = async button => {
  const status = document.getElementById("status");
  const { dag, day, about } = button.dataset;
  button.disabled = true;
  status.textContent = `Starting ${about} …`;
  try {
    const response = await fetch(`../api/v2/dags/${encodeURIComponent(dag)}/dagRuns`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ logical_date: null, conf: { report_date: day } }),
    });
    if (!response.ok) throw new Error((await response.json().catch(() => ({}))).detail || `HTTP ${response.status}`);
    sessionStorage.setItem("workplace-started", `Started ${about}.`);
    location.reload();
  } catch (error) {
    status.textContent = `Airflow did not start ${about}: ${error.message}`;
    button.disabled = false;
    button.focus();
  }
};

document.addEventListener("DOMContentLoaded", () => {
  applyTheme();
  const dialog = document.getElementById("confirm");
  if (!dialog) return;
  document.getElementById("status").textContent = sessionStorage.getItem("workplace-started") || "";
  sessionStorage.removeItem("workplace-started");
  let chosen = null;
  document.addEventListener("click", event => {
    chosen = event.target.closest("button[data-dag]") || chosen;
    if (!event.target.closest("button[data-dag]")) return;
    document.getElementById("confirm-about").textContent = chosen.dataset.about;
    dialog.returnValue = "";
    dialog.showModal();
  });
  dialog.addEventListener("close", () => { if (dialog.returnValue === "run") start(chosen); });
});
