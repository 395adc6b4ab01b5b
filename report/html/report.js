// The report: what each part says, in the order in which one would act on it.
'use strict';
(() => {
  const {data, el, number, percent, share, plural, day, time, link, shortUrl, rowsOf, table, figure,
         section} = page;
  const {run, summary} = data;
  const of = Object.fromEntries(
    Object.entries(data.tables).map(([name, rows]) => [name, rowsOf(rows)]));
  const coverage = summary && summary.coverage;

  const kSeverities = ['critical', 'high', 'medium', 'low', 'info'].map((key) =>
    ({key, title: key[0].toUpperCase() + key.slice(1)}));
  const kOpen = [
    {key: 'change', title: 'Anyone can change something'},
    {key: 'anyone', title: 'Anyone can read something'},
    {key: 'outside', title: 'People from outside'},
    {key: 'organization', title: 'The whole organisation'},
    {key: 'named', title: 'Named people and groups'},
    {key: 'info', title: 'Not known: not read'}];
  const openOf = (site) => kOpen[4 - site.open];
  const kScopes = {anonymous: 'Anyone', organization: 'The organisation', users: 'Named people'};
  const kTypes = {site: 'Sites', library: 'Libraries', folder: 'Folders', file: 'Files',
                  list: 'Lists', list_item: 'List items'};

  const badge = (key, title) => el('span', {class: 'badge ' + key}, title);
  const severity = (key) => badge(key, key[0].toUpperCase() + key.slice(1));
  const dotted = (key, title) => [el('span', {class: 'dot fill-' + key}), title];
  const text = (title, value, cell, help) => ({title, value, cell, help, kind: 'text'});
  const count = (title, value, help) => ({title, value, help, kind: 'number'});
  const sum = (rows, value) => rows.reduce((all, row) => all + (value(row) || 0), 0);
  const date = (title, value, empty) => ({title, value, kind: 'date',
    cell: (row) => value(row) ? day(value(row)) : empty || '\u2013'});
  const place = (title, value) => text(title, (row) => shortUrl(value(row) || ''),
                                       (row) => link(value(row)));

  // The host most sites are at: addresses are shown without it.
  const hosts = new Map();
  for (const {url} of of.sites) {
    const host = (/^https?:\/\/[^/]+/i.exec(url) || [''])[0];
    hosts.set(host, (hosts.get(host) || 0) + 1);
  }
  const host = [...hosts].sort((a, b) => b[1] - a[1]).map(([name]) => name)[0] || '';
  page.setHome(host);
  const tenant = host.replace(/^https?:\/\//i, '') || 'this tenant';

  // --- rules, with what they found ---
  const counted = new Map();
  for (const row of of.counts) {
    const rule = counted.get(row.rule) || {open: 0, accepted: 0, fresh: 0, by: {}};
    rule.open += row.open;
    rule.accepted += row.accepted;
    rule.fresh += row.new;
    rule.by[row.severity] = row.open;
    counted.set(row.rule, rule);
  }
  const rules = of.rules.map((rule) => {
    const found = counted.get(rule.id) || {open: 0, accepted: 0, fresh: 0, by: {}};
    const worst = kSeverities.findIndex(({key}) => found.by[key] > 0);
    return {...rule, ...found, worst: worst < 0 ? 9 : worst};
  });
  const found = rules.filter((rule) => rule.open + rule.accepted > 0).sort((a, b) =>
    a.worst - b.worst || (b.by[kSeverities[a.worst]?.key] || 0) -
    (a.by[kSeverities[a.worst]?.key] || 0) || a.id.localeCompare(b.id));
  const unknown = rules.filter((rule) => rule.state !== 'evaluated');
  const bySeverity = Object.fromEntries(kSeverities.map(({key}) =>
    [key, sum(rules, (rule) => rule.by[key])]));
  const open = sum(rules, (rule) => rule.open);
  const anyone = sum(of.link_groups, (row) =>
    row.scope === 'anonymous' && row.ending !== 'expired' ? row.links : 0);
  const outside = of.outside_people.length ? of.outside_people[0].people : 0;

  // --- at the top: what this is, and what is wrong with it ---
  const warning = (...words) => el('div', {class: 'banner', role: 'note'}, words);
  const banners = () => {
    const gaps = of.gaps.total, told = [];
    if (run.status !== 'complete') {
      told.push(warning(el('p', {}, el('strong', {}, 'This audit is partial. '),
        coverage ? plural(coverage.failed, 'object') + ' of ' + number(coverage.discovered) +
          ' could not be read, and ' : '',
        plural(gaps, 'gap was', 'gaps were'), ' recorded. What is behind a gap may be open, too, ' +
        'and does not show below.'),
      el('p', {}, el('a', {href: '#coverage'}, 'See what is missing and how to close it'))));
    }
    if (run.shard) {
      told.push(warning(el('p', {}, el('strong', {}, 'Part ' + run.shard + ' of the tenant. '),
        'The other parts were audited elsewhere; ', el('code', {}, 'sharepoint-audit runs merge'),
        ' makes one run of all.')));
    }
    if (unknown.length > 0) {
      told.push(warning(el('p', {}, plural(unknown.length, 'rule was', 'rules were') +
        ' not, or only partly, evaluated: no findings of theirs is no good news. ',
      el('a', {href: '#unknown'}, 'See which, and why'))));
    }
    return told;
  };

  const figureTile = (where, value, what, bad) => el('li', {},
    el('a', {href: '#' + where, class: bad && 'bad'},
      el('span', {class: 'big'}, value), el('span', {class: 'what'}, what)));

  const shortly = () => {
    const objects = coverage ? coverage.discovered : sum(of.types, (type) => type.objects);
    const first = found.filter((rule) => rule.open > 0).slice(0, 6);
    const points = of.trend.slice().reverse().map((row) => ({at: row.at, parts: {
      critical: row.critical, high: row.high, medium: row.medium, low: row.low, info: row.info,
      anyone: row.anonymous, outside: row.external, plainbar: row.links}, row}));
    const past = (title, value, kind) => kind === 'number' ? count(title, value) :
      text(title, value);
    const links = [{key: 'plainbar', title: 'Sharing links'},
                   {key: 'outside', title: 'Grants to people from outside'},
                   {key: 'anyone', title: 'Links that anyone can use'}];
    const trend = points.length < 2 ?
      [el('h3', {}, 'Trend'), el('p', {class: 'none'}, 'This is the first finished audit in the ' +
        'database: the trend begins with the next one.')] :
      [figure('Open findings, audit by audit', charts.columns('Open findings by severity in ' +
        plural(points.length, 'audit'), points, kSeverities),
      table({caption: 'Audits', rows: Object.assign(of.trend.slice(), {total: of.trend.total}),
        more: 'sharepoint-audit runs', columns: [
          text('Finished', (row) => row.at, (row) => time(row.at)), past('Status', (r) => r.status),
          past('Mode', (r) => r.mode), past('Objects', (r) => r.objects, 'number'),
          past('Covered %', (r) => r.covered, 'number'),
          ...kSeverities.map(({key, title}) => past(title, (r) => r[key], 'number')),
          past('Links', (r) => r.links, 'number'), past('Anyone', (r) => r.anonymous, 'number'),
          past('Outside', (r) => r.external, 'number')]})),
      figure('Sharing, audit by audit', charts.lines('Sharing links and grants to outside in ' +
        plural(points.length, 'audit'), points, links), null,
      'A partial audit saw less, and so counts less: look at the column “Covered” above.')];
    const fresh = sum(rules, (rule) => rule.fresh);
    return section('summary', 'Summary', 'Start here: what to close first',
      'The gravest findings of this audit, each with the way to close it. Decide on each: close ' +
      'it, or accept it with a reason and a date.',
      el('ol', {class: 'first'}, first.map((rule) => {
        const key = kSeverities[rule.worst].key;
        return el('li', {}, severity(key), el('div', {},
          el('a', {href: '#rule-' + rule.id}, rule.name), ' ',
          el('span', {class: 'do'}, rule.remedy)),
        el('span', {class: 'count'}, plural(rule.open, 'finding')));
      })),
      first.length === 0 && el('p', {class: 'none'}, 'No open findings.'),
      el('h3', {}, 'The audit in figures'),
      el('ul', {class: 'figures'},
        figureTile('findings', number(bySeverity.critical + bySeverity.high),
          'critical and high findings open' + (fresh > 0 ? '; ' + number(fresh) +
            ' findings are new' : ''), bySeverity.critical > 0),
        figureTile('links', number(anyone), 'links that anyone can use', anyone > 0),
        figureTile('external', number(outside), 'people from outside reach something'),
        figureTile('sites', number(of.sites.total), 'site collections'),
        figureTile('inheritance', number(sum(of.types, (type) => type.own)),
          'of ' + number(objects) + ' objects have permissions of their own'),
        figureTile('coverage', coverage ? share(coverage.percent) : '\u2013',
          'of what was found could be read', coverage && coverage.percent < 95)),
      trend);
  };

  // --- sites ---
  const sites = () => {
    const measures = {
      findings: ['Open findings', (site) => site.findings],
      anyone: ['Links that anyone can use', (site) => site.anyone],
      objects: ['Objects', (site) => site.objects],
      people: ['People who get in', (site) => site.people]};
    const drawn = el('div');
    const draw = (key) => {
      const [title, value] = measures[key];
      const items = of.sites.map((site) => ({label: site.name || shortUrl(site.url),
        value: value(site), key: openOf(site).key,
        tip: (site.name || '') + '\n' + shortUrl(site.url) + '\n' + openOf(site).title + ' \u00b7 ' +
          title.toLowerCase() + ': ' + number(value(site))}));
      drawn.replaceChildren(charts.treemap('Site collections by ' + title.toLowerCase() +
        ', coloured by the widest audience', items, kOpen));
    };
    draw('findings');
    const choice = el('fieldset', {class: 'choice'}, el('legend', {}, 'Area shows'),
      Object.entries(measures).map(([key, [title]]) => el('label', {},
        el('input', {type: 'radio', name: 'area', checked: key === 'findings',
                     onchange: () => draw(key)}), ' ' + title)));
    const left = of.sites.total - of.sites.length;
    return section('sites', 'Sites', 'Look at the most exposed sites first',
      'Each area is a site collection; its colour is the widest audience that reaches anything in ' +
      'it. Red ones are open to whoever gets hold of a link.',
      choice, drawn,
      left > 0 && el('p', {class: 'cut'}, 'The chart shows the ' + number(of.sites.length) +
        ' most exposed of ' + number(of.sites.total) + ' site collections.'),
      table({caption: 'Site collections, the most exposed first', rows: of.sites, size: 15,
        more: 'sharepoint-audit export access', columns: [
          text('Site', (site) => site.name || shortUrl(site.url), (site) => [
            site.name ? [el('bdi', {}, site.name), el('br')] : null, link(site.url), ' ',
            site.personal ? el('span', {class: 'tag'}, 'personal') : null]),
          text('Widest audience', (site) => 4 - site.open,
            (site) => dotted(openOf(site).key, openOf(site).title)),
          count('Anyone', (site) => site.anyone, 'Links and grants that anyone can use'),
          count('Outside', (site) => site.outside, 'People from outside who reach something'),
          count('For all', (site) => site.wide + site.organization,
            'Grants and links for the whole organisation'),
          count('People', (site) => site.people, 'People who reach something by name or group'),
          count('Critical', (site) => site.critical), count('High', (site) => site.high),
          count('Objects', (site) => site.objects),
          count('Gaps', (site) => site.gaps, 'What could not be read')]}));
  };

  // --- sharing links ---
  const links = () => {
    const ages = ['under 30 days', '30 to 90 days', '90 to 180 days', '180 days to a year',
                  'over a year'];
    const series = [{key: 'anyone', title: 'Anyone'}, {key: 'organization', title: 'The organisation'},
                    {key: 'named', title: 'Named people'}];
    const keys = {anonymous: 'anyone', organization: 'organization', users: 'named'};
    const valid = of.link_groups.filter((row) => row.ending !== 'expired');
    const split = (rows) => {
      const parts = {};
      for (const row of rows) {
        const key = keys[row.scope] || 'named';
        parts[key] = (parts[key] || 0) + row.links;
      }
      return parts;
    };
    const byAge = ages.map((label, age) => ({label, parts: split(valid.filter((r) => r.age === age))}));
    const ends = {never: 'never ends', later: 'ends in over 30 days', soon: 'ends within 30 days',
                  expired: 'has run out'};
    const byEnd = Object.entries(ends).map(([key, label]) =>
      ({label, parts: split(of.link_groups.filter((row) => row.ending === key))}));
    const asTable = (caption, title, rows) => table({caption, rows, columns: [
      text(title, (row) => row.label),
      ...series.map((one) => count(one.title, (row) => row.parts[one.key] || 0))]});
    const scopes = Object.entries(kScopes).map(([scope, title]) => {
      const rows = valid.filter((row) => row.scope === scope);
      return {title, all: sum(rows, (r) => r.links),
              edits: sum(rows, (r) => r.edits ? r.links : 0),
              never: sum(rows, (r) => r.ending === 'never' ? r.links : 0),
              old: sum(rows, (r) => r.age >= 3 ? r.links : 0),
              passwords: sum(rows, (r) => r.passwords)};
    });
    const total = sum(of.link_groups, (row) => row.links);
    if (total === 0) {
      return section('links', 'Sharing links', 'No sharing links',
        'This audit found no sharing link.');
    }
    return section('links', 'Sharing links', 'Close sharing links that nobody needs any more',
      'A link lets in whoever holds it, until it ends or is deleted. Give links for anyone an ' +
      'end, and delete those that are old.',
      table({caption: 'Links that are valid, by whom they let in', rows: scopes, columns: [
        text('For', (row) => row.title), count('Links', (row) => row.all),
        count('Can edit', (row) => row.edits), count('Never end', (row) => row.never),
        count('180 days and older', (row) => row.old), count('With a password', (row) => row.passwords)]}),
      figure('How long links have been there', charts.bars('Valid sharing links by age and audience',
        byAge, series, {label: 150}), asTable('Valid links by age', 'Age', byAge),
      'Microsoft does not tell when a link was made: this is since the first audit in the ' +
      'database that saw it (' + day(data.known_since) + ' at the earliest). Links may be older.'),
      figure('When links end', charts.bars('Sharing links by end and audience', byEnd, series,
        {label: 150}), asTable('Links by end', 'End', byEnd)),
      table({caption: 'Links that anyone can use; those that can edit come first',
        rows: of.anyone_links, more: 'sharepoint-audit export permissions', columns: [
          place('Where', (row) => row.url), text('What', (row) => row.type),
          text('Can', (row) => row.edits ? 'edit' : 'view'),
          date('Known since', (row) => row.since),
          date('Ends', (row) => row.ends, 'never'),
          text('Password', (row) => row.password ? 'yes' : 'no')],
        empty: 'No link that anyone can use.'}));
  };

  // --- people from outside ---
  const external = () => {
    const named = (domain) => domain || '(no domain known)';
    const top = of.domains.slice(0, 12);
    const series = [{key: 'outside', title: 'Can change'}, {key: 'quiet', title: 'Can read'}];
    return section('external', 'External people', 'Decide which organisations may stay',
      'People from outside, by the domain of their home address, and how many places with ' +
      'permissions of their own they reach by name, group or link. Disabled and deleted accounts ' +
      'do not count.',
      of.domains.length > 0 && figure('Places that each domain reaches', charts.bars(
        'Places reached by external domain', top.map((row) => ({label: named(row.domain),
          parts: {outside: row.writable, quiet: row.places - row.writable}})), series), null,
      of.domains.total > top.length && 'The first ' + top.length + ' of ' +
        number(of.domains.total) + ' domains.'),
      table({caption: 'External domains', rows: of.domains, more: 'sharepoint-audit export access',
        empty: 'Nobody from outside reaches anything that was read.', columns: [
          text('Domain', (row) => named(row.domain), (row) => [el('bdi', {}, named(row.domain)), ' ',
            row.allowed ? el('span', {class: 'tag'}, 'allowed') : null]),
          count('People', (row) => row.people), count('Sites', (row) => row.sites),
          count('Places', (row) => row.places), count('Can change', (row) => row.writable)]}),
      of.outsiders.length > 0 && table({caption: 'People from outside; those who can change most ' +
        'come first', rows: of.outsiders, more: 'sharepoint-audit export access', columns: [
        text('Name', (row) => row.name || row.address, (row) => [
          el('bdi', {}, row.name || row.address || '(nameless)')]),
        text('Address', (row) => row.address, (row) => el('bdi', {class: 'url'}, row.address || '')),
        count('Sites', (row) => row.sites), count('Places', (row) => row.places),
        count('Can change', (row) => row.writable)]}));
  };

  // --- findings ---
  const findings = () => {
    const examples = new Map();
    for (const row of of.findings) {
      if (!examples.has(row.rule)) examples.set(row.rule, []);
      examples.get(row.rule).push(row);
    }
    const list = found.map((rule) => {
      const all = rule.open + rule.accepted;
      const key = rule.worst < 9 ? kSeverities[rule.worst].key : null;
      const body = el('div', {class: 'inside'});
      const details = el('details', {class: 'rule', id: 'rule-' + rule.id},
        el('summary', {}, key ? severity(key) : badge('info', 'Decided'), el('span', {}, rule.name,
          el('span', {class: 'remedy'}, rule.remedy)),
          el('span', {class: 'count'}, number(rule.open) + ' open' +
            (rule.accepted ? ', ' + number(rule.accepted) + ' accepted' : '') +
            (rule.fresh ? ', ' + number(rule.fresh) + ' new' : ''))), body);
      // Made when it is opened: few are.
      const fill = () => {
        if (body.firstChild) return;
        const rows = Object.assign(examples.get(rule.id) || [], {total: all});
        body.append(rule.state !== 'evaluated' ? el('p', {class: 'cut'}, 'Partly evaluated: ' + rule.reason) : '',
          table({caption: rule.id + ', the gravest first', rows, size: 10,
            more: 'sharepoint-audit findings --limit 0 --rule ' + rule.id, columns: [
              place('Where', (row) => row.url),
              text('Severity', (row) => kSeverities.findIndex(({key}) => key === row.severity),
                (row) => severity(row.severity)),
              text('What', (row) => row.message, (row) => el('bdi', {}, row.message)),
              text('State', (row) => row.decided, (row) => [row.decided + ' ', row.new ?
                el('span', {class: 'tag'}, 'new') : null])]}));
      };
      details.addEventListener('toggle', () => { if (details.open) fill(); });
      return details;
    });
    const openOne = () => {
      const at = document.getElementById(decodeURIComponent(location.hash.slice(1)));
      if (at && at.matches('details.rule')) {
        at.open = true;
        at.firstChild.focus();
      }
    };
    addEventListener('hashchange', openOne);
    addEventListener('load', openOne);
    return section('findings', 'Findings', 'Work through the findings, the gravest first',
      number(open) + ' findings are open. Each line says what to do; open it to see where. To ' +
      'accept one with a reason and a date, use “sharepoint-audit findings accept”.',
      open > 0 && figure('Open findings by severity', charts.strip('Open findings by severity',
        bySeverity, kSeverities), table({caption: 'Open findings by severity', rows:
          kSeverities.map(({key, title}) => ({title, open: bySeverity[key]})), columns: [
        text('Severity', (row) => row.title), count('Open', (row) => row.open)]})),
      el('h3', {}, 'By rule'), found.length > 0 ? list : el('p', {class: 'none'}, 'No findings.'));
  };

  // --- audiences ---
  const audiences = () => {
    const kinds = {anyone: 'Anyone with a link', organization: 'The whole organisation',
                   everyone: 'Everyone, guests too', group: 'Group', group_owners: 'Owners of a group',
                   site_group: 'Site group', role: 'Directory role'};
    const called = (row) => row.name || kinds[row.kind] || row.kind;
    const wide = (row) => row.kind === 'anyone' || row.kind === 'organization' ||
      row.kind === 'everyone';
    const key = (row) => row.kind === 'anyone' ? 'anyone' : row.kind === 'everyone' ? 'outside' :
      row.kind === 'organization' ? 'organization' : 'plainbar';
    const sized = of.audiences.filter((row) => row.people > 0).slice(0, 12);
    return section('audiences', 'Audiences', 'Shrink the largest audiences',
      'Groups and audiences that hold a permission, by how many people they let in through all ' +
      'nesting. Whoever joins such a group gets all of it.',
      sized.length > 0 && figure('The largest', charts.bars('People in the largest audiences',
        sized.map((row) => ({label: called(row), parts: {[key(row)]: row.people}})),
        [{key: 'outside', title: 'Everyone, guests too'},
         {key: 'organization', title: 'The whole organisation'},
         {key: 'plainbar', title: 'A group'}].filter((one) => sized.some((row) =>
          key(row) === one.key)), {label: 230})),
      table({caption: 'Audiences', rows: of.audiences, more: 'sharepoint-audit export groups',
        empty: 'No group holds a permission.', columns: [
          text('Name', called, (row) => [el('bdi', {}, called(row)), ' ',
            row.url ? [el('br'), link(row.url)] : null]),
          text('Kind', (row) => wide(row) ? 'Audience' : kinds[row.kind] || row.kind),
          {...count('People', (row) => row.people), cell: (row) => row.kind === 'anyone' ?
            'no limit' : (wide(row) || row.whole ? '' : 'at least ') + number(row.people)},
          count('Places', (row) => row.places), count('Sites', (row) => row.sites),
          text('Can', (row) => row.writes ? 'change' : 'read'),
          count('Nesting', (row) => row.depth, 'Groups inside each other')]}),
      el('p', {class: 'cut'}, 'People of the whole organisation are the members this audit knows ' +
        'of. “At least”: not all members could be read.'));
  };

  // --- inheritance ---
  const inheritance = () => {
    const series = [{key: 'own', title: 'Permissions of their own'},
                    {key: 'quiet', title: 'Inherit'}];
    const rows = of.types.filter((row) => row.objects > 0);
    return section('inheritance', 'Inheritance', 'Let objects inherit again',
      'Each object with permissions of its own has to be looked at by itself, and what is changed ' +
      'above does not reach it. Keep such exceptions few and near the top.',
      figure('Objects with permissions of their own, of all', el('div', {}, table({
        caption: 'By kind of object', rows, columns: [
          text('Kind', (row) => kTypes[row.type] || row.type), count('Objects', (row) => row.objects),
          count('Own permissions', (row) => row.own),
          {...count('Share', (row) => row.own / row.objects),
           cell: (row) => percent(row.own, row.objects)}]})), null),
      of.broken.length > 0 && figure('Libraries and lists with the most exceptions', charts.bars(
        'Objects with permissions of their own by library', of.broken.slice(0, 10).map((row) =>
          ({label: shortUrl(row.url), parts: {own: row.own}})), series.slice(0, 1), {label: 290})),
      table({caption: 'Libraries and lists', rows: of.broken,
        more: 'sharepoint-audit export permissions', empty: 'Everything below libraries inherits.',
        columns: [place('Library or list', (row) => row.url),
          count('Objects', (row) => row.objects), count('Own permissions', (row) => row.own),
          {...count('Share', (row) => row.own / row.objects),
           cell: (row) => percent(row.own, row.objects)},
          count('Deepest', (row) => row.depth, 'Folders above the deepest exception')]}));
  };

  // --- what is not known ---
  const known = () => {
    const begun = Date.parse(run.started_at), kDay = 24 * 3600 * 1000;
    const buckets = [['in this audit', 0], ['up to a day before', 1], ['up to a week before', 7],
                     ['up to 30 days before', 30], ['longer ago', Infinity]];
    const ages = buckets.map(([label]) => ({label, scopes: 0, groups: 0}));
    for (const row of of.ages) {
      const days = (begun - Date.parse(row.read_at)) / kDay;
      const at = ages[buckets.findIndex(([, most]) => days <= most)] || ages[ages.length - 1];
      at.scopes += row.scopes;
      at.groups += row.groups;
    }
    const oldest = of.ages.length > 0 ? of.ages[of.ages.length - 1].read_at : null;
    const states = [{key: 'named', title: 'Permissions read'}, {key: 'plainbar', title: 'Inherits from one that was read'},
                    {key: 'quiet', title: 'Skipped on request'}, {key: 'outside', title: 'Not read'}];
    const parts = coverage && {named: coverage.read, plainbar: coverage.inherited,
                               quiet: coverage.skipped, outside: coverage.failed};
    return section('coverage', 'Coverage and age', 'Know what this report cannot see',
      'What could not be read, why, and how to close the gap; then how old the answers are.',
      coverage ? figure('What was found', charts.strip('Objects by whether their permissions are known',
        parts, states), table({caption: 'Objects', rows: states.map(({key, title}) =>
        ({title, objects: parts[key]})), columns: [text('State', (row) => row.title),
        count('Objects', (row) => row.objects)]}),
      share(coverage.percent) + ' of ' + plural(coverage.discovered, 'object') + ' are covered.') :
        el('p', {class: 'none'}, 'The run has no summary, so its coverage is not known.'),
      el('h3', {}, 'Gaps'),
      table({caption: plural(of.gaps.total, 'gap'), rows: of.gaps, size: 10,
        more: 'sharepoint-audit export coverage', empty: 'None: everything that was found was read.',
        columns: [
          place('Where', (row) => row.url), text('State', (row) => row.state.replace(/_/g, ' ')),
          text('Why', (row) => row.reason), text('What to do', (row) => row.remedy)]}),
      el('h3', {id: 'unknown', tabindex: '-1'}, 'Rules that could not judge'),
      table({caption: plural(unknown.length, 'rule'), rows: unknown, size: 20,
        empty: 'None: every rule was evaluated.', columns: [
          text('Rule', (rule) => rule.name, (rule) => [rule.name, ' ',
            el('span', {class: 'tag'}, rule.id)]),
          text('State', (rule) => rule.state.replace(/_/g, ' ')),
          text('Why', (rule) => rule.reason)]}),
      figure('When permissions were read', charts.bars('Permission sets by when they were read',
        ages.map((row, i) => ({label: row.label, parts: {[i < 3 ? 'fresh' : 'old']: row.scopes}})),
        [{key: 'fresh', title: 'Within a week'}, {key: 'old', title: 'Older'}], {label: 160}),
      table({caption: 'When what this report tells was read', rows: ages, columns: [
        text('Read', (row) => row.label), count('Permission sets', (row) => row.scopes),
        count('Member lists', (row) => row.groups)]}),
      'The oldest was read on ' + time(oldest) + '. An incremental audit reads again what the ' +
      'service says has changed; “audit --max-age” sets how old the rest may become.'));
  };

  const kStatus = {complete: 'complete', partial: 'partial'};
  const sections = [shortly(), sites(), links(), external(), findings(), audiences(), inheritance(),
                    known()];
  page.show({
    title: 'SharePoint access report \u2013 ' + tenant,
    head: [el('p', {class: 'kind'}, 'SharePoint access report'),
      el('h1', {}, 'Who can reach what in ' + tenant),
      el('p', {}, 'As audited on ' + time(run.finished_at || run.started_at) + ' \u00b7 ' +
        (run.mode === 'merged' ? 'merged from its parts' : run.mode + ' audit') + ' \u00b7 ' +
        (kStatus[run.status] || run.status))],
    sections: [banners(), sections],
    foot: [el('p', {}, 'Made by ' + data.program + ' on ' + time(data.made_at) + ' from run ',
      el('code', {}, run.id), ' of tenant ', el('code', {}, run.tenant_id),
      '. It needs no network. Tables that are cut off say so; everything is in the database: ',
      el('code', {}, 'sharepoint-audit export'), '.'),
    el('p', {}, 'A place is an object that has permissions of its own; what inherits them is ' +
      'reached by the same people.')]});
})();
