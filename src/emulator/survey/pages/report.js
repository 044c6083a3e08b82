const parties = [...document.querySelectorAll(".party")];
const find = document.getElementById("find");
const stories = document.getElementById("stories");
const boxes = [...document.querySelectorAll("#verdicts input[value]")].filter((box) => box !== stories);
const count = document.getElementById("count");

function filter() {
  const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
  const verdicts = boxes.filter((box) => box.checked).map((box) => box.value);
  let shown = 0;
  for (const party of parties) {
    const fits = verdicts.includes(party.dataset.verdict)
      && (!stories.checked || party.dataset.story === "true")
      && words.every((word) => party.dataset.text.includes(word));
    party.hidden = !fits;
    shown += fits;
  }
  count.textContent = `${shown} of ${parties.length}`;
}

function toggle(open) {
  for (const party of parties) {
    if (!party.hidden) party.open = open;
  }
}

find.addEventListener("input", filter);
for (const box of [...boxes, stories]) box.addEventListener("change", filter);
document.getElementById("open").addEventListener("click", () => toggle(true));
document.getElementById("close").addEventListener("click", () => toggle(false));
filter();
