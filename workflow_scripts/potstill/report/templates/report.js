(() => {
  // Sorting: numbers by value, "<0.001" below 0.001, an empty cell last.
  const value = (row, column) => {
    const text = row.cells[column].textContent.trim();
    const found = text.replace(/−/g, "-").match(/^([<>]?)([-+]?[\d.]+(?:e[-+]?\d+)?)/i);
    return { text, number: found ? parseFloat(found[2]) - (found[1] === "<" ? 1e-9 : 0) : NaN };
  };
  document.querySelectorAll("table.sortable").forEach((table) => {
    const body = table.tBodies[0];
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      head.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        [...head.parentNode.cells].forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = [...body.rows].map((row) => ({ row, ...value(row, column) }));
        const numeric = rows.filter((r) => !isNaN(r.number)).length > rows.length / 2;
        rows.sort((a, b) => {
          if (!numeric) return (down ? -1 : 1) * a.text.localeCompare(b.text);
          if (isNaN(a.number) || isNaN(b.number)) return isNaN(a.number) - isNaN(b.number);
          return (down ? -1 : 1) * (a.number - b.number);
        });
        rows.forEach((r) => body.append(r.row));
      });
    });
  });

  // Search: all words must occur, in a row or in the text around the table.
  const units = [...document.querySelectorAll(".everything .unit")].map((unit) => {
    const rows = [...unit.querySelectorAll("tbody tr")];
    const copy = unit.cloneNode(true);
    if (!unit.classList.contains("example")) copy.querySelectorAll("tbody").forEach((body) => body.remove());
    const pictures = [...unit.querySelectorAll("img")].map((image) => image.alt).join(" ");
    return { unit, rows, text: `${unit.id} ${copy.textContent} ${pictures}`.toLowerCase().replace(/\u00a0/g, " ") };
  });
  const input = document.getElementById("search");
  const hits = document.getElementById("hits");
  const search = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const matches = (text) => words.every((word) => text.includes(word));
    let count = 0;
    units.forEach(({ unit, rows, text }) => {
      const whole = matches(text);
      let found = 0;
      rows.forEach((row) => {
        row.hidden = !whole && !matches(row.textContent.toLowerCase().replace(/\u00a0/g, " "));
        found += !row.hidden;
      });
      unit.hidden = !whole && !found;
      count += !unit.hidden;
    });
    document.querySelectorAll(".everything .group").forEach((group) => {
      group.hidden = words.length > 0 && !group.querySelector(".unit:not([hidden])");
    });
    hits.textContent = words.length ? (count ? `${count} of ${units.length} parts` : "nothing found") : "";
  };
  input.addEventListener("input", search);

  // Print what is folded, and everything.
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => (part.open = true)));
})();
