/** The style sheet of the report page: light and dark, narrow and wide, on a screen and on paper. */
export const STYLE = `
:root { --paper: #fff; --ink: #1d2328; --quiet: #5b656e; --line: #d8dcdf; --guest: #c9d3da; --generated: #8fd3c0; --data: #9cc3f5; --freeze: #f0cb8e; --other: #dedfe1; --bar: #1f5fae; --warn: #fff4d6; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181b; --ink: #e6eaed; --quiet: #a0abb4; --line: #343c43; --guest: #41505b; --generated: #1f6b58; --data: #2a568c; --freeze: #7a5518; --other: #3a3f44; --bar: #77aef0; --warn: #3a3015; } }
* { box-sizing: border-box; }
body { max-width: 62rem; margin: 0 auto; padding: 1rem; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.4rem; overflow-wrap: anywhere; }
h2 { margin: 2rem 0 0.5rem; font-size: 1.1rem; }
.quiet { color: var(--quiet); }
.warnings { margin-top: 1rem; padding: 0.1rem 1rem; border-radius: 6px; background: var(--warn); overflow-wrap: anywhere; }
.warnings h2 { margin-top: 0.5rem; }
.scroll { overflow: auto; }
.list { max-height: 24rem; }
section > * + svg, section > svg + * { margin-top: 0.75rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 1rem 0.25rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; overflow-wrap: break-word; }
th[scope=row] { min-width: 6rem; font-weight: 600; }
svg { display: block; width: 100%; }
svg.wide, svg.narrow { height: auto; }
svg.narrow { display: none; }
@media (max-width: 40rem) { svg.narrow { display: block; } svg.wide { display: none; } th, td { padding-right: 0.6rem; } th[scope=row] { min-width: 0; } }
svg text { fill: var(--ink); font: 11px system-ui, sans-serif; pointer-events: none; }
svg.fluid text { font-size: 12px; }
code { overflow-wrap: anywhere; }
svg text.heading { font-weight: 600; }
svg text.quiet { fill: var(--quiet); }
svg rect { stroke: none; }
svg .part { fill-opacity: 0.45; }
svg .guest { fill: var(--guest); } svg .generated { fill: var(--generated); } svg .data { fill: var(--data); } svg .freeze { fill: var(--freeze); } svg .other { fill: var(--other); } svg .bar { fill: var(--bar); } svg .empty { fill: var(--line); }
.legend { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; margin: 0 0 0.5rem; padding: 0; list-style: none; font-size: 0.9rem; }
.legend li::before { display: inline-block; width: 0.8em; height: 0.8em; margin-right: 0.4em; border-radius: 2px; content: ''; }
.legend .guest::before { background: var(--guest); } .legend .generated::before { background: var(--generated); } .legend .data::before { background: var(--data); } .legend .freeze::before { background: var(--freeze); } .legend .other::before { background: var(--other); }
`;
