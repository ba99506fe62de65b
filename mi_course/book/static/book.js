// Draw the figures whose data stands in the page, and hand CircuitsVis to the views.
(() => {
  // The views wait for this promise; in a notebook it unpacks the script, here it is there already.
  window.miCourseCircuitsVis = Promise.resolve(window.CircuitsVis);
  window.dispatchEvent(new Event("mi-course-circuitsvis"));
  const figures = [...document.querySelectorAll(".mi-figure")].map((place) => (
    { place, ...JSON.parse(place.querySelector("script").textContent) }));
  // Where a figure needs the room, the list of chapters waits behind the theme's button (☰).
  const chapters = document.querySelector(".bd-sidebar-primary");
  if (figures.some(({ place, layout }) => layout.width > place.clientWidth)) {
    chapters.style.transition = "none"; // figures are measured against the room that is left
    chapters.classList.add("pst-sidebar-hidden");
  }
  for (const { place, data, layout } of figures) {
    // A little narrower is well where the page is; a title would not bear more. The rest scrolls.
    layout.width = Math.max(0.9 * layout.width, Math.min(layout.width, place.clientWidth));
    window.Plotly.newPlot(place, data, layout, { displaylogo: false });
    if (place.scrollWidth > place.clientWidth) place.tabIndex = 0; // so that the keyboard scrolls
  }
})();
