"use strict";
const dark = matchMedia("(prefers-color-scheme: dark)");
function colours(layout) {
  const style = getComputedStyle(document.documentElement);
  const text = style.getPropertyValue("--text").trim();
  const line = style.getPropertyValue("--line").trim();
  const axis = { color: text, gridcolor: line, linecolor: line, zerolinecolor: line };
  const dressed = {
    ...layout,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { ...layout.font, color: text },
    autosize: true,
  };
  for (const name of Object.keys(layout)) {
    if (/^[xy]axis\d*$/.test(name)) dressed[name] = { ...layout[name], ...axis };
  }
  return dressed;
}
function draw() {
  for (const place of document.querySelectorAll("[data-figure]")) {
    const figure = JSON.parse(document.getElementById(place.dataset.figure).textContent);
    const options = { responsive: true, displaylogo: false, displayModeBar: false };
    Plotly.react(place, figure.data, colours(figure.layout), options);
  }
}
draw();
dark.addEventListener("change", draw);
