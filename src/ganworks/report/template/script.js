// The slider of the samples; copying commands.
(() => {
  const slider = document.querySelector(".slider input");
  if (slider) {
    const positions = JSON.parse(document.querySelector(".slider script").textContent);
    const runs = [...document.querySelectorAll(".slides figure")].map((figure) => ({
      pictures: [...figure.querySelectorAll("img")], caption: figure.querySelector("output"),
    }));
    const output = document.querySelector(".slider output");
    const slide = () => {
      const at = positions[slider.value];
      output.textContent = count(at) + " images";
      slider.setAttribute("aria-valuetext", output.textContent);
      runs.forEach(({ pictures, caption }) => {
        const seen = pictures.filter((picture) => Number(picture.dataset.at) <= at);
        const shown = seen.length ? seen[seen.length - 1] : pictures[0];
        pictures.forEach((picture) => { picture.hidden = picture !== shown; });
        if (caption && shown) caption.textContent = count(shown.dataset.at) + " images";
      });
    };
    slider.addEventListener("input", slide);
    slide();
  }

  document.querySelectorAll(".command").forEach((row) => {
    if (!navigator.clipboard) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(row.querySelector("code").textContent);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Select it";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    row.append(button);
  });
})();
