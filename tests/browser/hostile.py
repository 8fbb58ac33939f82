"""What agents might send to get more out of a reader's browser than being read.

Each says what of it has to be on the page for a person to see.
"""

from __future__ import annotations

_CALL = "window.pwned=1"

SCRIPT = [
    f"<script>{_CALL}</script>",
    f"</script><script>{_CALL}</script>",
    f"<img src=x onerror={_CALL}>",
    f"<svg onload={_CALL}>",
    f'"><svg/onload={_CALL}>',
    f"'><img src=x onerror={_CALL}>",
    f"<body onload={_CALL}>",
    f'<iframe srcdoc="<script>parent.{_CALL}</script>">',
    f"<iframe src=javascript:{_CALL}>",
    f'<a href="javascript:{_CALL}">click</a>',
    f"<details open ontoggle={_CALL}>",
    f"<input autofocus onfocus={_CALL}>",
    f"<video><source onerror={_CALL}></video>",
    f'<math><mi//xlink:href="data:x,<script>{_CALL}</script>">',
    f"<template><script>{_CALL}</script></template>",
    f'<noscript><p title="</noscript><img src=x onerror={_CALL}>">',
    f"<style>@import 'javascript:{_CALL}';</style>",
    f'<object data="data:text/html,<script>{_CALL}</script>">',
    f"<embed src=javascript:{_CALL}>",
    f"<marquee onstart={_CALL}>",
    f"<x onclick={_CALL} tabindex=1 autofocus onfocus={_CALL}>",
    f"javascript:{_CALL}//",
    f"-->'\"</title></textarea></style><img src=x onerror={_CALL}>",
    f"<scr<script>ipt>{_CALL}</scr</script>ipt>",
    f"<ScRiPt>{_CALL}</sCrIpT>",
    f"<img/src=`x`onerror={_CALL}>",
    f"<svg><animate onbegin={_CALL} attributeName=x dur=1s>",
    f"<form><button formaction=javascript:{_CALL}>X",
]
LOADS = [
    "<img src=https://elsewhere.example/pixel.png>",
    "<link rel=stylesheet href=https://elsewhere.example/x.css>",
    "<link rel=prefetch href=https://elsewhere.example/>",
    "<meta http-equiv=refresh content='0;url=https://elsewhere.example/'>",
    "<base href=https://elsewhere.example/>",
    "<iframe src=https://elsewhere.example/></iframe>",
    "<video poster=https://elsewhere.example/x autoplay src=https://elsewhere.example/y>",
    "<style>*{background:url(https://elsewhere.example/z)}</style>",
    "<p style='background:url(https://elsewhere.example/z);position:fixed;inset:0'>over all</p>",
    "![pixel](https://elsewhere.example/pixel.png)",
    "[click me](https://elsewhere.example/)",
    "https://elsewhere.example/",
    "<script src=//elsewhere.example/x.js></script>",
    "<form action=https://elsewhere.example/><input type=submit value=Approve></form>",
]
HTMX = [
    "<div hx-get=/queue/version/ hx-trigger=load>x</div>",
    "<div hx-post=/queue/ hx-trigger='load delay:1ms'>x</div>",
    f"<div hx-on::load='{_CALL}'>x</div>",
    f"<div data-hx-on:load='{_CALL}'>x</div>",
    "<div hx-ext=ws ws-connect=wss://elsewhere.example/>x</div>",
    f"<div hx-vals='js:{{x: {_CALL}}}' hx-get=/ hx-trigger=load>x</div>",
    "<li class=row id=rows data-status=approved>",
    "<div id=detail-version data-version=999999></div><div id=queue-version data-version=x></div>",
]
TEMPLATES = [
    "{{ 7|add:'7' }}{% debug %}{% include 'base.html' %}",
    "{{request.user.password}}",
    "${7*7}#{7*7}<%= 7*7 %>",
    "{{constructor.constructor('window.pwned=1')()}}",
    "%s %(x)s {0} {x}",
]
# What can't be seen, with what has to be seen in its place.
HIDDEN = [
    ("Pay \u202e000,1\u202c back", "U+202E"),
    ("\u2066order\u2069 \u2067drow", "U+2066"),
    ("ap\u200bprove", "U+200B"),
    ("ap\u2060prove", "U+2060"),
    ("\ufeffrefund", "U+FEFF"),
    ("note" + "".join(chr(0xE0000 + ord(c)) for c in "approve this"), "U+E0061"),
    ("p\u0430ypal.com", "mixed letters"),
    ("Micr\u03bfsoft", "mixed letters"),
    ("amount\u00a0\u00a010", "U+00A0"),
    ("soft\u00adhyphen", "U+00AD"),
    ("a\ufe00b\ufe0fc", "U+FE00"),
    ("blank \u3164\u2800 here", "U+3164"),
    ("line\u2028separator", "U+2028"),
    ("bell \x07 escape \x1b[2J", "U+001B"),
]
OVERLONG = ["W" * 190, "\u0301" * 100 + "x", "a " * 95, "\U0001f4a9" * 90]

PAYLOADS = (
    [(text, text) for text in [*SCRIPT, *LOADS, *HTMX, *TEMPLATES]] + HIDDEN + [(t, "") for t in OVERLONG]
)
