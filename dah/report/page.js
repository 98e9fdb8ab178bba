for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.querySelectorAll("thead button")];
  const body = table.tBodies[0];
  heads.forEach((button, place) => button.addEventListener("click", () => {
    const head = button.parentElement;
    const falling = head.getAttribute("aria-sort") !== "descending";
    heads.forEach((other) => other.parentElement.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", falling ? "descending" : "ascending");
    const value = (row) => {
      const of = row.cells[place + 1].dataset.value;
      return of === undefined ? null : Number(of);
    };
    [...body.rows].sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      if (x === null || y === null) return (x === null) - (y === null);
      return falling ? y - x : x - y;
    }).forEach((row) => body.append(row));
  }));
}
