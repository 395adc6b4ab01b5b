// What every page is made with. Nothing here makes HTML from text: elements and text nodes alone.
'use strict';
const page = (() => {
  const data = JSON.parse(document.getElementById('data').textContent);

  // Characters that hide or turn others (controls, direction marks) are shown by their number.
  const kHidden = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;
  const plain = (text) => String(text).replace(kHidden, (c) =>
    '\u27e8U+' + c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0') + '\u27e9');

  // el('p', {class: 'lead'}, 'text', element, …): strings become text, null is left out.
  const el = (tag, attributes, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === false || value === null || value === undefined) continue;
      if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
      else node.setAttribute(name, value === true ? '' : value);
    }
    for (const child of children.flat(Infinity)) {
      if (child === null || child === undefined || child === false) continue;
      node.append(child instanceof Node ? child : plain(child));
    }
    return node;
  };

  const number = (n) => n === null || n === undefined ? '\u2013' : Number(n).toLocaleString('en');
  const percent = (part, whole) => whole > 0 ? share(100 * part / whole) : '\u2013';
  // Never rounded up to 100, nor down to 0.
  const share = (p) => (p > 99.9 && p < 100 ? '> 99.9' : p > 0 && p < 0.1 ? '< 0.1' :
    String(Math.floor(p * 10) / 10)) + ' %';
  const plural = (n, one, many) => number(n) + ' ' + (n === 1 ? one : many || one + 's');
  const kDay = new Intl.DateTimeFormat('en-GB',
    {day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC'});
  const kTime = new Intl.DateTimeFormat('en-GB', {day: 'numeric', month: 'short', year: 'numeric',
    hour: '2-digit', minute: '2-digit', timeZone: 'UTC'});
  const when = (format, text, more) => {
    const time = new Date(text);
    return !text || isNaN(time) ? '\u2013' : format.format(time) + more;
  };
  const day = (text) => when(kDay, text, '');
  const time = (text) => when(kTime, text, ' UTC');

  // An address as people read it: without the host of the tenant, decoded. It can be followed where
  // it is https, so that no other scheme gets through.
  let home = '';
  const setHome = (host) => { home = host; };
  const shortUrl = (url) => {
    let text = url;
    try { text = decodeURIComponent(url); } catch (e) { /* it stays as it is */ }
    return home && text.startsWith(home + '/') ? text.slice(home.length) : text;
  };
  const link = (url) => {
    if (!url) return '\u2013';
    const text = shortUrl(url);
    if (!/^https:\/\//i.test(url)) return el('span', {class: 'url', title: plain(url)}, text);
    return el('a', {class: 'url', href: url, target: '_blank', rel: 'noopener noreferrer',
                    title: plain(url)}, text);
  };

  // A table of the data as a list of objects; rows.total is how many there are in all.
  const rowsOf = (table) => {
    const rows = table.rows.map((cells) =>
      Object.fromEntries(table.columns.map((name, i) => [name, cells[i]])));
    rows.total = table.total;
    return rows;
  };

  let tables = 0;
  // A table with a caption, that sorts by its headers, and where it is long can be searched and is
  // shown page by page. columns: {title, value: row => text or number, cell: row => what stands
  // there (default: value), kind: 'number' | 'text', help}. more: where rows that are left out are
  // to be had (rows.total says how many there are).
  const table = ({caption, columns, rows, more, size = 12, empty = 'None.', labelled = true}) => {
    const total = rows.total === undefined ? rows.length : rows.total;
    if (rows.length === 0) return el('p', {class: 'none'}, empty);
    const id = 'table-' + (++tables);
    const paged = rows.length > size + 3;
    let order = null, down = false, from = 0, words = '';
    const body = el('tbody');
    const where = el('span', {class: 'where', role: 'status'});
    const back = el('button', {type: 'button', onclick: () => go(from - size)}, 'Previous');
    const next = el('button', {type: 'button', onclick: () => go(from + size)}, 'Next');

    const chosen = () => {
      const found = words === '' ? rows.slice() : rows.filter((row) => columns.some((column) =>
        String(column.value(row) ?? '').toLowerCase().includes(words)));
      if (order === null) return found;
      const of = columns[order].value;
      return found.sort((a, b) => {
        const x = of(a), y = of(b);
        const first = x === null || x === undefined ? 1 : y === null || y === undefined ? -1 :
          typeof x === 'number' ? x - y : String(x).localeCompare(String(y));
        return down ? -first : first;
      });
    };
    const draw = () => {
      const found = chosen();
      from = Math.max(0, Math.min(from, Math.floor((found.length - 1) / size) * size));
      const shown = paged ? found.slice(from, from + size) : found;
      body.replaceChildren(...shown.map((row) => el('tr', {}, columns.map((column, i) => {
        const cell = column.cell ? column.cell(row) : column.kind === 'number' ?
          number(column.value(row)) : column.value(row) ?? '\u2013';
        return el(i === 0 ? 'th' : 'td', {class: column.kind || 'text', scope: i === 0 && 'row'},
                  cell);
      }))));
      if (shown.length === 0) {
        body.append(el('tr', {}, el('td', {colspan: columns.length}, 'Nothing matches.')));
      }
      if (!paged) return;
      where.textContent = found.length === 0 ? '0 rows' : number(from + 1) + '\u2013' +
        number(from + shown.length) + ' of ' + number(found.length);
      back.disabled = from === 0;
      next.disabled = from + size >= found.length;
    };
    const go = (to) => { from = to; draw(); };

    const heads = columns.map((column, i) => {
      const head = el('th', {scope: 'col', class: column.kind || 'text', title: column.help},
        el('button', {type: 'button', onclick: () => {
          down = order === i ? !down : column.kind === 'number';
          order = i;
          from = 0;
          for (const other of heads) other.removeAttribute('aria-sort');
          head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
          draw();
        }}, column.title));
      return head;
    });
    draw();
    const search = !paged ? null : el('label', {class: 'search'}, el('span', {}, 'Search '),
      el('input', {type: 'search', autocomplete: 'off', oninput: (event) => {
        words = event.target.value.trim().toLowerCase();
        go(0);
      }}));
    const cut = total > rows.length ? el('p', {class: 'cut'}, number(rows.length) + ' of ' +
      number(total) + '; all in ', el('code', {}, more), '.') : null;
    return el('div', {class: paged ? 'table' : 'table short', role: labelled && 'group', 'aria-labelledby': labelled && id},
      el('div', {class: 'bar'}, search, paged && el('div', {class: 'pages'}, where, back, next)),
      el('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-labelledby': id},
        el('table', {}, el('caption', {id}, caption), el('thead', {}, el('tr', {}, heads)), body)),
      cut);
  };

  // A chart, what it says in words, and the same as a table for those who do not see it.
  const figure = (title, chart, rows, note) => el('figure', {},
    el('h3', {}, title), chart, note && el('figcaption', {}, note),
    rows && el('details', {class: 'numbers'}, el('summary', {}, 'The numbers as a table'), rows));

  const parts = [];
  // A part of the page, with its entry in the contents. `head`: what to do, in plain words.
  const section = (id, name, head, lead, ...children) => {
    parts.push({id, name});
    return el('section', {id, 'aria-labelledby': id + '-head'},
      el('h2', {id: id + '-head', tabindex: '-1'}, head), lead && el('p', {class: 'lead'}, lead),
      children);
  };

  // Puts the whole into the page: a link over the contents, the contents, the parts, the end.
  const show = ({title, head, sections, foot}) => {
    document.title = plain(title);
    const licence = document.getElementById('licence');
    document.body.append(
      el('a', {class: 'skip', href: '#main'}, 'Skip the contents'),
      el('header', {class: 'top'}, head),
      el('div', {class: 'columns'},
        el('nav', {'aria-label': 'Contents'}, el('ul', {}, parts.map(({id, name}) =>
          el('li', {}, el('a', {href: '#' + id}, name))))),
        el('main', {id: 'main', tabindex: '-1'}, sections)),
      el('footer', {}, foot, licence && el('details', {},
        el('summary', {}, 'Licence of the chart library (D3)'),
        el('pre', {}, licence.textContent.replace(/\r/g, '').split('\n').map((line) =>
          [line, document.createTextNode('\n')])))));
    // What follows a click on the contents is read from there on.
    addEventListener('hashchange', () => {
      const head = document.getElementById(location.hash.slice(1) + '-head');
      if (head) head.focus({preventScroll: true});
    });
    document.documentElement.dataset.ready = Math.round(performance.now());
  };

  return {data, el, plain, number, percent, share, plural, day, time, link, shortUrl, setHome,
          rowsOf, table, figure, section, show};
})();
