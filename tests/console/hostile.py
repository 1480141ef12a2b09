"""Names that somebody may give to a key or workspace to harm whoever looks at them."""

MARKUP = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "</title><script>alert(1)</script>",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "${alert(1)}",
    "javascript:alert(1)",
    "&lt;b&gt;&amp;",
    "a\"b'c`d",
    "%3Cscript%3E",
    "<!-- -->",
    "]]>",
)
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://evil.example","x")', "=cmd|' /C calc'!A0")
SCRIPTS = (
    "\u05de\u05e4\u05ea\u05d7 \u05e8\u05d0\u05e9\u05d5\u05df",  # Hebrew
    "\u0645\u0641\u062a\u0627\u062d <b>",  # Arabic, which runs to the left
    "\u043a\u043b\u044e\u0447",
    "\u9375",
    "e\u0301",
    "\U0001d54f",
)
NAMES = (*MARKUP, *FORMULAS, *SCRIPTS, "x" * 100, "../../etc/passwd", "a/b", "a?b#c", "..", "a%2fb", "null", "0")
