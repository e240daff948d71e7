// Moves through what is on the page already. Without it the page shows everything at once.
"use strict";

for (const course of document.querySelectorAll(".course")) {
  const frames = [...course.querySelectorAll(".frames figure")];
  const control = course.querySelector(".control");
  const slider = control.querySelector("input");
  const play = control.querySelector(".play");
  let timer = null;
  const show = (index) => {
    frames.forEach((frame, place) => frame.classList.toggle("past", place !== index));
    slider.value = index;
    slider.setAttribute("aria-valuetext", frames[index].querySelector("figcaption").textContent);
  };
  const stop = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = "play";
  };
  const step = () => {
    const next = Number(slider.value) + 1;
    if (next < frames.length) show(next);
    if (next >= frames.length - 1) stop();
  };
  slider.addEventListener("input", () => { stop(); show(Number(slider.value)); });
  play.addEventListener("click", () => {
    if (timer !== null) { stop(); return; }
    if (Number(slider.value) === frames.length - 1) show(0);
    play.textContent = "stop";
    timer = setInterval(step, 400);
  });
  control.hidden = frames.length < 2;
  course.classList.add("moving");
  show(frames.length - 1);
}

const nearest = (places, x) =>
  places.reduce((best, place, index) => (Math.abs(place - x) < Math.abs(places[best] - x) ? index : best), 0);

const point = (chart, x) => {
  const [places, images, values] = chart.moments;
  const index = nearest(places, x);
  chart.mark.setAttribute("x1", places[index]);
  chart.mark.setAttribute("x2", places[index]);
  chart.mark.setAttribute("visibility", "visible");
  chart.outputs.forEach((output, curve) => { output.textContent = values[curve][index]; });
  return `${images[index].toLocaleString("en")} images`;
};

for (const section of document.querySelectorAll("main > section")) {
  const slider = section.querySelector("input.at");
  if (slider === null) continue;
  const shown = section.querySelector(".shown-at");
  const charts = [...section.querySelectorAll("figure.chart")].map((figure) => ({
    figure,
    moments: JSON.parse(figure.dataset.moments),
    mark: figure.querySelector(".mark"),
    outputs: figure.querySelectorAll("output"),
  }));
  const move = (x) => {
    const told = charts.map((chart) => point(chart, x));
    shown.textContent = told[0];
    slider.setAttribute("aria-valuetext", told[0]);
  };
  // Keys go from moment to moment of the first chart rather than by a hundredth of the way.
  slider.addEventListener("keydown", (event) => {
    const way = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (way === undefined) return;
    event.preventDefault();
    const places = charts[0].moments[0];
    const next = nearest(places, Number(slider.value)) + way;
    slider.value = places[Math.min(Math.max(next, 0), places.length - 1)];
    move(Number(slider.value));
  });
  slider.addEventListener("input", () => move(Number(slider.value)));
  for (const { figure } of charts) {
    const picture = figure.querySelector("svg[role=img]");
    picture.addEventListener("pointermove", (event) => {
      const box = picture.getBoundingClientRect();
      slider.value = ((event.clientX - box.left) / box.width) * picture.viewBox.baseVal.width;
      move(Number(slider.value));
    });
  }
  section.querySelector(".control").hidden = false;
}

for (const taken of document.querySelectorAll(".take")) {
  const button = taken.querySelector(".copy");
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(taken.querySelector("code").textContent);
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  });
}
