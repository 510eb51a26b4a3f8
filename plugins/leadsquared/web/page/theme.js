"use strict";
/* Airflow keeps its theme in the browser's storage, which this page shares with it; else the system's is taken. */
(() => {
  let wanted = null;
  try { wanted = localStorage.getItem("theme"); } catch { /* storage is forbidden: the system's */ }
  if (wanted === "dark" || wanted === "light") document.documentElement.dataset.theme = wanted;
})();
