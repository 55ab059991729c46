"""How the report looks, and the one thing that moves in it."""

STYLE = """
:root{--ink:#1b1f24;--dim:#5b6470;--paper:#fff;--card:#f5f7f9;--edge:#d8dee4;--up:#0060a8;--down:#b34700;--line:#31465c;
--good:#0a6b4e;--bad:#a3260f;--wait:#7a5b00;--halt:#e3c8ef}
@media (prefers-color-scheme:dark){:root{--ink:#e8ecf0;--dim:#a3adb8;--paper:#12161b;--card:#1b2128;--edge:#353e48;
--up:#62b5f5;--down:#ff9d57;--line:#b9c8d8;--good:#56c596;--bad:#ff8a75;--wait:#e6c25a;--halt:#4c355c}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:1040px;margin:0 auto;padding:16px}
h1{font-size:1.5rem;margin:.4em 0 .1em}h2{font-size:1.15rem;margin:2em 0 .5em}h3{font-size:1rem;margin:1.2em 0 .3em}
p{margin:.3em 0}.dim,.none,caption{color:var(--dim)}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(44%,215px),1fr));gap:10px;margin:16px 0}
.figure{background:var(--card);border:1px solid var(--edge);border-radius:6px;padding:10px}
.figure b{display:block;font-size:1.3rem;font-variant-numeric:tabular-nums}
.figure span{color:var(--dim);font-size:.85rem}
.scroll{overflow-x:auto}.scroll svg{display:block;width:100%;min-width:680px;height:auto}
svg text{font:11px system-ui,sans-serif;fill:var(--dim)}svg .middle{text-anchor:middle}svg .end{text-anchor:end}
.day{fill:var(--card)}.grid{stroke:var(--edge);stroke-width:1}.line{fill:none;stroke:var(--line);stroke-width:1.4}
.dot{fill:var(--line)}.loss{fill:var(--down);fill-opacity:.35;stroke:var(--down)}.hover{fill:transparent}
.hover:hover{fill:var(--dim);fill-opacity:.15}.buy,.long{fill:var(--up)}.sell,.short{fill:var(--down)}
.buy,.sell{stroke:var(--paper);stroke-width:.8}.halt{fill:var(--halt)}
.split{stroke:var(--dim);stroke-width:1.5;stroke-dasharray:4 3}
table{border-collapse:collapse;min-width:min(100%,30rem);font-size:.9rem;font-variant-numeric:tabular-nums}
caption{text-align:left;padding:4px 0}th,td{padding:4px 8px;border-bottom:1px solid var(--edge);text-align:left;
vertical-align:top}th{color:var(--dim);font-weight:600}
.wide{min-width:9rem}.number{text-align:right}.number,.when{white-space:nowrap}
.bar{display:block;height:9px;margin-top:6px;border-radius:2px;background:var(--line);min-width:2px}
.approved,.filled,.gain{color:var(--good)}.refused,.fall{color:var(--bad)}.held{color:var(--wait)}
code{font-size:.85em;overflow-wrap:anywhere}select{font:inherit;padding:6px;max-width:100%}
.story{display:none}.story.shown{display:block}summary{cursor:pointer;padding:6px 0}
.key{display:flex;flex-wrap:wrap;gap:4px 18px;font-size:.85rem;color:var(--dim)}
"""

SCRIPT = """
const chooser=document.getElementById("instrument");
chooser.addEventListener("change",()=>document.querySelectorAll(".story").forEach(
story=>story.classList.toggle("shown",story.id===chooser.value)));
"""

WITHOUT_SCRIPT = "<noscript><style>.story{display:block}#instrument{display:none}</style></noscript>"
