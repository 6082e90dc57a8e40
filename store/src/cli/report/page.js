// A cursor for each chart, by mouse and by keys: what it stands on is read from the chart's table.
'use strict';
for (const figure of document.querySelectorAll('figure')) {
  const sheet = figure.querySelector('.sheet');
  const table = nextTable(figure);
  const heads = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
  const rows = [...table.tBodies[0].rows].map((row) => ({ from: Number(row.dataset.from), to: Number(row.dataset.to), row }));
  const end = Math.max(...rows.map(({ to }) => to));
  const stops = [...new Set(rows.map(({ from }) => from))].sort((a, b) => a - b);
  const { title, kind, left, right } = figure.dataset;

  const cursor = document.createElement('div');
  cursor.className = 'cursor';
  cursor.tabIndex = 0;
  cursor.style.left = `${left}%`;
  cursor.style.width = `${right - left}%`;
  const attributes = { role: 'slider', 'aria-label': `${title}: cursor`, 'aria-valuemin': 0, 'aria-valuemax': end };
  for (const [name, value] of Object.entries(attributes)) cursor.setAttribute(name, value);
  const output = document.createElement('output');
  output.setAttribute('aria-hidden', 'true'); // The slider's text says the same.
  sheet.append(cursor);
  figure.append(output);
  let at = 0;

  function nextTable(from) {
    let next = from.nextElementSibling;
    while (!next.matches('details')) next = next.nextElementSibling;
    return next.querySelector('table');
  }

  function words() {
    const here = rows.filter(({ from, to }) => from <= at && (at < to || (at === to && to === end)));
    if (kind === 'bands') return here.map(({ row }) => `${row.cells[0].textContent}: ${row.cells[3].textContent}`).join('; ');
    const cells = here.length > 0 ? [...here[0].row.cells].slice(1) : [];
    return cells.map((cell, i) => `${heads[i + 1]}: ${cell.textContent}`).join('; ');
  }

  function show(to) {
    at = Math.min(Math.max(to, 0), end);
    const text = `${Number(at.toFixed(2))} s \u2014 ${words() || 'nothing'}`;
    cursor.style.setProperty('--at', `${(at * 100) / end}%`);
    cursor.classList.add('is-shown');
    cursor.setAttribute('aria-valuenow', at);
    cursor.setAttribute('aria-valuetext', text);
    output.textContent = text;
  }

  const KEYS = {
    ArrowRight: () => stops.find((stop) => stop > at) ?? end,
    ArrowLeft: () => stops.findLast((stop) => stop < at) ?? 0,
    PageUp: () => at + end / 10,
    PageDown: () => at - end / 10,
    Home: () => 0,
    End: () => stops.at(-1),
  };
  KEYS.ArrowUp = KEYS.ArrowRight;
  KEYS.ArrowDown = KEYS.ArrowLeft;
  cursor.addEventListener('keydown', (event) => {
    if (!KEYS[event.key] || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    show(KEYS[event.key]());
  });
  cursor.addEventListener('focus', () => show(at));
  cursor.addEventListener('pointermove', (event) => {
    const box = cursor.getBoundingClientRect();
    show(((event.clientX - box.left) * end) / box.width);
  });
  cursor.addEventListener('pointerleave', () => {
    if (document.activeElement === cursor) return;
    cursor.classList.remove('is-shown');
    output.textContent = '';
  });
  cursor.addEventListener('blur', () => cursor.classList.remove('is-shown'));
  cursor.setAttribute('aria-valuenow', 0);
  cursor.setAttribute('aria-valuetext', '0 s');
}
