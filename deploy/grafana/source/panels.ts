/** Uid of the Prometheus that `deploy/grafana/provisioning` sets up. */
export const datasourceUid = "prometheus";

const datasource = { type: "prometheus", uid: datasourceUid };

/** One line of a panel: a query, and how its series are called. */
export interface Query {
  expr: string;
  /** Grafana's template over the labels, as `{{route}}`. */
  legend: string;
  /** Shows the traces of single measurements; for histograms with exemplars. */
  exemplars?: boolean;
}

/** Something to look at. */
export interface Panel {
  title: string;
  description: string;
  /** Grafana's name of a unit, as `s`, `reqps`, `percentunit`, `bytes`. */
  unit: string;
  queries: Query[];
  /** A number instead of a curve. */
  stat?: boolean;
  /** Value from which on it is shown in red. */
  alarm?: number;
}

/** Panels under a heading. */
export interface Row {
  title: string;
  panels: Panel[];
}

/** One page. */
export interface Dashboard {
  uid: string;
  title: string;
  description: string;
  rows: Row[];
}

const width = 24;
const columns = 3;
const height = 8;

/** A dashboard as Grafana stores it (schema version 39, Grafana 10 and later). */
export function toGrafana({ uid, title, description, rows }: Dashboard): object {
  return {
    uid,
    title,
    description,
    tags: ["ocelli"],
    schemaVersion: 39,
    version: 1,
    editable: false,
    graphTooltip: 1,
    refresh: "30s",
    time: { from: "now-1h", to: "now" },
    timezone: "browser",
    templating: { list: [] },
    annotations: { list: [firingAlerts] },
    links: [{ title: "Ocelli", type: "dashboards", tags: ["ocelli"], asDropdown: true }],
    panels: layOut(rows),
  };
}

const firingAlerts = {
  name: "Alerts",
  datasource,
  enable: true,
  iconColor: "red",
  expr: 'ALERTS{alertstate="firing",alertname=~"Ocelli.*"}',
  titleFormat: "{{alertname}}",
};

function layOut(rows: Row[]): object[] {
  const panels: object[] = [];
  let y = 0;
  for (const row of rows) {
    panels.push({
      id: panels.length + 1,
      type: "row",
      title: row.title,
      collapsed: false,
      gridPos: { x: 0, y, w: width, h: 1 },
      panels: [],
    });
    y += 1;
    for (const [index, panel] of row.panels.entries()) {
      const w = width / columns;
      const gridPos = { x: (index % columns) * w, y: y + Math.floor(index / columns) * height, w, h: height };
      panels.push({ id: panels.length + 1, gridPos, ...toPanel(panel) });
    }
    y += Math.ceil(row.panels.length / columns) * height;
  }
  return panels;
}

function toPanel({ title, description, unit, queries, stat = false, alarm }: Panel): object {
  const steps = [
    { color: "green", value: null },
    ...(alarm === undefined ? [] : [{ color: "red", value: alarm }]),
  ];
  return {
    type: stat ? "stat" : "timeseries",
    title,
    description,
    datasource,
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        thresholds: { mode: "absolute", steps },
        ...(stat || alarm === undefined ? {} : { custom: { thresholdsStyle: { mode: "line" } } }),
      },
      overrides: [],
    },
    options: stat
      ? { reduceOptions: { calcs: ["lastNotNull"] }, colorMode: "value" }
      : { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi", sort: "desc" } },
    targets: queries.map(({ expr, legend, exemplars = false }, index) => ({
      refId: String.fromCharCode("A".charCodeAt(0) + index),
      datasource,
      expr,
      legendFormat: legend,
      exemplar: exemplars,
      range: true,
    })),
  };
}
