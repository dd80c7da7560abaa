// A frame's incidences.

@group(0) @binding(10) var<storage, read> rows: array<Row>;
