// Sliders, playback and copy buttons. Without JavaScript the page shows all images and values at once.
"use strict";

for (const course of document.querySelectorAll(".course")) {
  const frames = [...course.querySelectorAll(".frames figure")];
  const control = course.querySelector(".control");
  const slider = control.querySelector("input");
  const play = control.querySelector(".play");
  let timer = null;
  const show = (index) => {
    frames.forEach((frame, position) => frame.classList.toggle("past", position !== index));
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

const nearest = (positions, x) =>
  positions.reduce((best, position, index) => (Math.abs(position - x) < Math.abs(positions[best] - x) ? index : best), 0);

const point = (chart, x) => {
  const [positions, images, values] = chart.moments;
  const index = nearest(positions, x);
  chart.mark.setAttribute("x1", positions[index]);
  chart.mark.setAttribute("x2", positions[index]);
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
    const texts = charts.map((chart) => point(chart, x));
    shown.textContent = texts[0];
    slider.setAttribute("aria-valuetext", texts[0]);
  };
  // Arrow keys step through the values of the first chart; the browser's default step is a hundredth of the range.
  slider.addEventListener("keydown", (event) => {
    const direction = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (direction === undefined) return;
    event.preventDefault();
    const positions = charts[0].moments[0];
    const next = nearest(positions, Number(slider.value)) + direction;
    slider.value = positions[Math.min(Math.max(next, 0), positions.length - 1)];
    move(Number(slider.value));
  });
  slider.addEventListener("input", () => move(Number(slider.value)));
  for (const { figure } of charts) {
    const plot = figure.querySelector("svg[role=img]");
    plot.addEventListener("pointermove", (event) => {
      const box = plot.getBoundingClientRect();
      slider.value = ((event.clientX - box.left) / box.width) * plot.viewBox.baseVal.width;
      move(Number(slider.value));
    });
  }
  section.querySelector(".control").hidden = false;
}

for (const block of document.querySelectorAll(".take")) {
  const button = block.querySelector(".copy");
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(block.querySelector("code").textContent);
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  });
}
