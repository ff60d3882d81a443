"use strict";
// Each explained line answers for itself: its characters to pointer, finger and arrow keys, its frames to a slider.
// What it shows comes from the JSON beside it and enters the page as text, never as markup.

function percent(share) {
  const value = 100 * share;
  return (value >= 99.95 && share < 1 ? ">99.9" : value < 0.05 && share > 0 ? "<0.1" : value.toFixed(1)) + " %";
}

function made(tag, text, parent) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
}

function bars(choices) {
  const list = document.createElement("div");
  list.className = "bars";
  for (const [text, share] of choices) {
    made("b", text, list);
    made("span", percent(share), list);
    made("i", undefined, list).style.width = `${100 * share}%`;
  }
  return list;
}

function explain(section) {
  const data = JSON.parse(section.querySelector('script[type="application/json"]').textContent);
  const find = (selector) => section.querySelector(selector);
  const keys = [...section.querySelectorAll(".text button")];
  const spans = [...section.querySelectorAll(".spans button")];
  const [about, stage, cursor, heat] = [".about", ".stage", ".cursor", ".heat"].map(find);
  const [place, frames] = [".upper .mark", ".strip .mark"].map(find);
  const [told, whole] = [".told", ".whole"].map(find);
  const introduction = [...about.childNodes];
  let chosen = -1;

  function show(left, right) {
    if (left < stage.scrollLeft || right > stage.scrollLeft + stage.clientWidth) {
      stage.scrollLeft = (left + right - stage.clientWidth) / 2;
    }
  }

  function choose(number, scroll) {
    if (scroll && data.characters[number]) show(...data.characters[number].place);
    if (number === chosen) return;
    chosen = number;
    const character = data.characters[number];
    for (const buttons of [keys, spans]) {
      buttons.forEach((button, place) => button.setAttribute("aria-pressed", String(place === number)));
    }
    keys.forEach((key, place) => { key.tabIndex = place === Math.max(number, 0) ? 0 : -1; });
    place.hidden = frames.hidden = whole.hidden = !character;
    about.classList.toggle("chosen", Boolean(character));
    heat.src = character ? character.heat : data.heat;
    told.textContent = (character || data).told;
    if (!character) {
      about.replaceChildren(...introduction);
      return;
    }
    for (const [mark, [left, right]] of [[place, character.place], [frames, character.frames]]) {
      mark.style.left = `${left}px`;
      mark.style.width = `${right - left}px`;
    }
    about.replaceChildren();
    const head = made("p", undefined, about);
    made("strong", character.text, head);
    head.append(` ${percent(character.confidence)} sure; ${character.where}`);
    const others = character.choices.length > 1;
    made("p", others ? "What could stand here, all around it being as it was read:" :
      "Nothing else comes into question here, all around it being as it was read.", about).className = "note";
    if (others) about.append(bars(character.choices));
  }

  const numberOf = (event) => {
    const button = event.target.closest("[data-n]");
    return button ? Number(button.dataset.n) : -1;
  };
  for (const [kind, scrolls] of [["pointerover", false], ["focusin", true], ["click", true]]) {
    section.addEventListener(kind, (event) => {
      const number = numberOf(event);
      if (number >= 0) choose(number, scrolls && keys.includes(event.target.closest("button")));
    });
  }
  section.addEventListener("keydown", (event) => {
    const number = numberOf(event);
    if (number < 0) return;
    const next = { ArrowRight: number + 1, ArrowLeft: number - 1, Home: 0, End: keys.length - 1 }[event.key];
    if (keys[next]) {
      keys[next].focus();
      event.preventDefault();
    } else if (event.key === "Escape") {
      choose(-1);
    }
  });
  whole.addEventListener("click", () => choose(-1));
  keys.forEach((key, place) => { key.tabIndex = place ? -1 : 0; });

  const details = find(".beam");
  if (!details) return;
  const [slider, frameName, classes, rows] = [".frame", ".frame-name", ".classes", ".steps tbody"].map(find);
  const text = (node) => {
    let begun = "";
    for (; node > 0; node = data.tree[node][0]) begun = data.tree[node][1] + begun;
    return begun;
  };

  function step() {
    const frame = Number(slider.value);
    frameName.textContent = `frame ${frame + 1} of ${data.frames.length}`;
    cursor.style.left = `${frame * data.frame_px}px`;
    cursor.style.width = `${data.frame_px}px`;
    classes.replaceChildren(bars(data.frames[frame]));
    rows.replaceChildren();
    for (const [node, logp] of data.steps[frame]) {
      const row = made("tr", undefined, rows);
      made("td", String(rows.children.length), row);
      made("td", text(node) || "(nothing yet)", row);
      made("td", logp.toFixed(2), row);
    }
  }
  slider.addEventListener("input", () => {
    step();
    show(slider.value * data.frame_px, (1 + Number(slider.value)) * data.frame_px);
  });
  details.addEventListener("toggle", () => {
    cursor.hidden = !details.open;
    step();
  });
  find(".layers").addEventListener("click", (event) => {
    if (event.target.closest("[data-n]")) return;
    const left = event.clientX - find(".layers").getBoundingClientRect().left;
    slider.value = Math.floor(left / data.frame_px);
    step();
  });
}

document.querySelectorAll(".explained").forEach(explain);
