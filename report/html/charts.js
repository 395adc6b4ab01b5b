// The charts, as SVG that takes its colours from the style sheet. Each is hidden from screen readers
// but for a name: page.figure puts the same numbers beside it as a table.
'use strict';
const charts = (() => {
  const {plain, number} = page;
  const kWidth = 900;

  const tip = document.createElement('div');
  tip.className = 'tip';
  tip.hidden = true;
  // Says `text` beside the pointer while it is over the shape.
  const told = (shape, text) => {
    const node = shape.node();
    node.addEventListener('pointermove', (event) => {
      if (!tip.isConnected) document.body.append(tip);
      tip.textContent = plain(text);
      tip.hidden = false;
      const box = tip.getBoundingClientRect();
      tip.style.left = Math.max(8, Math.min(event.clientX + 14, innerWidth - box.width - 8)) + 'px';
      tip.style.top = Math.max(8, event.clientY - box.height - 12) + 'px';
    });
    node.addEventListener('pointerleave', () => { tip.hidden = true; });
  };

  const canvas = (name, height) => d3.create('svg').attr('viewBox', `0 0 ${kWidth} ${height}`)
    .attr('role', 'img').attr('aria-label', plain(name)).attr('class', 'chart');

  const legend = (series) => page.el('ul', {class: 'legend'}, series.map((one) =>
    page.el('li', {}, page.el('span', {class: 'dot fill-' + one.key}), one.title)));

  // As much of a text as there is room for, its beginning and its end.
  const ruler = document.createElement('canvas').getContext('2d');
  const cut = (text, width, weight = 400) => {
    ruler.font = weight + ' 13px ' + getComputedStyle(document.body).fontFamily;
    const letters = [...plain(text)];
    const wide = (shown) => ruler.measureText(shown).width > width;
    if (!wide(letters.join(''))) return letters.join('');
    for (let left = Math.min(letters.length, Math.ceil(width / 3)); left > 3; --left) {
      const shown = letters.slice(0, Math.ceil(left * 0.6)).join('') + '\u2026' +
        letters.slice(letters.length - Math.floor(left * 0.4)).join('');
      if (!wide(shown)) return shown;
    }
    return '';
  };

  const wrap = (series, svg) =>
    page.el('div', {class: 'drawn'}, series && series.length > 1 && legend(series), svg.node());

  // Lying bars of parts. rows: {label, parts: {key: number}}; series: {key, title}. Each bar has its
  // sum beside it, or what `sum` makes of the row.
  const bars = (name, rows, series, {label = 190, sum} = {}) => {
    const step = 32, height = rows.length * step + 4, end = kWidth - 96;
    const svg = canvas(name, height);
    const of = (row) => d3.sum(series, (one) => row.parts[one.key] || 0);
    const x = d3.scaleLinear().domain([0, d3.max(rows, of) || 1]).range([0, end - label]);
    rows.forEach((row, i) => {
      const line = svg.append('g').attr('transform', `translate(0 ${i * step + 4})`);
      line.append('text').attr('x', label - 10).attr('y', 16).attr('text-anchor', 'end')
        .text(cut(row.label, label - 14));
      let at = label;
      for (const one of series) {
        const part = row.parts[one.key] || 0;
        if (part <= 0) continue;
        const wide = Math.max(x(part), 1.5);
        told(line.append('rect').attr('x', at).attr('width', wide).attr('height', 22)
          .attr('rx', 2).attr('class', 'fill-' + one.key),
          row.label + (series.length > 1 ? ' \u00b7 ' + one.title : '') + ': ' + number(part));
        at += wide + 1;
      }
      line.append('text').attr('class', 'value').attr('x', at + 6).attr('y', 16)
        .text(sum ? sum(row) : number(of(row)));
    });
    return wrap(series, svg);
  };

  // One bar, whole width: what a number is made of.
  const strip = (name, parts, series) => {
    const svg = canvas(name, 34);
    const sum = d3.sum(series, (one) => parts[one.key] || 0) || 1;
    const given = series.filter((one) => parts[one.key] > 0);
    const x = d3.scaleLinear().domain([0, sum]).range([0, kWidth - 7 * given.length]);
    let at = 0;
    for (const one of given) {
      const part = parts[one.key], wide = x(part) + 6;
      const g = svg.append('g');
      told(g.append('rect').attr('x', at).attr('width', wide).attr('height', 30).attr('rx', 3)
        .attr('class', 'fill-' + one.key), one.title + ': ' + number(part));
      if (number(part).length * 8 + 8 < wide) {
        g.append('text').attr('class', 'on-fill').attr('x', at + wide / 2).attr('y', 20)
          .attr('text-anchor', 'middle').text(number(part));
      }
      at += wide + 1;
    }
    return wrap(series, svg);
  };

  // Standing bars over time. points: {at, parts}.
  const columns = (name, points, series) => {
    const height = 240, left = 56, bottom = 30, top = 10;
    const svg = canvas(name, height);
    const of = (point) => d3.sum(series, (one) => point.parts[one.key] || 0);
    const x = d3.scaleBand().domain(d3.range(points.length)).range([left, kWidth])
      .padding(points.length > 40 ? 0.1 : 0.3);
    const y = d3.scaleLinear().domain([0, d3.max(points, of) || 1]).nice()
      .range([height - bottom, top]);
    axis(svg, y, left);
    days(svg, points, (i) => x(i) + x.bandwidth() / 2, height);
    points.forEach((point, i) => {
      let at = 0;
      for (const one of series) {
        const part = point.parts[one.key] || 0;
        if (part <= 0) continue;
        told(svg.append('rect').attr('x', x(i)).attr('width', Math.min(x.bandwidth(), 60))
          .attr('y', y(at + part)).attr('height', y(at) - y(at + part))
          .attr('class', 'fill-' + one.key),
          page.time(point.at) + ' \u00b7 ' + one.title + ': ' + number(part));
        at += part;
      }
    });
    return wrap(series, svg);
  };

  const lines = (name, points, series) => {
    const height = 200, left = 56, bottom = 30, top = 10;
    const svg = canvas(name, height);
    const x = d3.scalePoint().domain(d3.range(points.length)).range([left + 12, kWidth - 12]);
    const y = d3.scaleLinear()
      .domain([0, d3.max(points, (p) => d3.max(series, (one) => p.parts[one.key] || 0)) || 1])
      .nice().range([height - bottom, top]);
    axis(svg, y, left);
    days(svg, points, (i) => x(i), height);
    for (const one of series) {
      svg.append('path').attr('class', 'line line-' + one.key).attr('d', d3.line()
        .defined((p) => p.parts[one.key] !== null && p.parts[one.key] !== undefined)
        .x((p, i) => x(i)).y((p) => y(p.parts[one.key]))(points));
      points.forEach((point, i) => {
        if (point.parts[one.key] === null || point.parts[one.key] === undefined) return;
        told(svg.append('circle').attr('cx', x(i)).attr('cy', y(point.parts[one.key]))
          .attr('r', points.length > 40 ? 2.5 : 4).attr('class', 'fill-' + one.key),
          page.time(point.at) + ' \u00b7 ' + one.title + ': ' + number(point.parts[one.key]));
      });
    }
    return wrap(series, svg);
  };

  const axis = (svg, y, left) => {
    const most = y.domain()[1];
    for (const tick of y.ticks(Math.min(5, Math.max(1, most)))) {
      if (tick !== Math.floor(tick)) continue;
      svg.append('line').attr('class', 'grid').attr('x1', left).attr('x2', kWidth)
        .attr('y1', y(tick)).attr('y2', y(tick));
      svg.append('text').attr('class', 'tick').attr('x', left - 8).attr('y', y(tick) + 4)
        .attr('text-anchor', 'end').text(number(tick));
    }
  };

  const days = (svg, points, x, height) => {
    const every = Math.ceil(points.length / 7);
    points.forEach((point, i) => {
      if ((points.length - 1 - i) % every !== 0) return;
      svg.append('text').attr('class', 'tick').attr('x', Math.min(x(i), kWidth - 46))
        .attr('y', height - 8).attr('text-anchor', 'middle').text(page.day(point.at));
    });
  };

  // items: {label, value, key, tip}: area is value, colour is key; those of a colour lie together.
  const treemap = (name, items, series) => {
    const height = 380;
    const svg = canvas(name, height);
    const groups = series.map(({key}) =>
      ({children: items.filter((item) => item.key === key && item.value > 0)}))
      .filter((group) => group.children.length > 0);
    const root = d3.hierarchy({children: groups}).sum((item) => item.value || 0)
      .sort((a, b) => b.value - a.value);
    d3.treemap().size([kWidth, height]).paddingOuter(0)
      .paddingInner((node) => node.depth === 0 ? 4 : 1.5).round(true)(root);
    for (const leaf of groups.length > 0 ? root.leaves() : []) {
      const wide = leaf.x1 - leaf.x0, high = leaf.y1 - leaf.y0;
      if (wide < 1 || high < 1) continue;
      const tile = svg.append('g').attr('transform', `translate(${leaf.x0} ${leaf.y0})`);
      told(tile.append('rect').attr('width', wide).attr('height', high).attr('rx', 2)
        .attr('class', 'fill-' + leaf.data.key), leaf.data.tip);
      const shown = high > 20 ? cut(leaf.data.label, wide - 10, 600) : '';
      const label = shown.length > 6 || shown === plain(leaf.data.label) ? shown : '';
      if (label !== '') {
        tile.append('text').attr('class', 'on-fill').attr('x', 6).attr('y', 16).text(label);
      }
      if (label !== '' && wide > 60 && high > 38) {
        tile.append('text').attr('class', 'on-fill small').attr('x', 6).attr('y', 32)
          .text(number(leaf.data.value));
      }
    }
    return wrap(series, svg);
  };

  return {bars, strip, columns, lines, treemap, legend};
})();
