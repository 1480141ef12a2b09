"""What an operator says about himself, and what he may not say."""

import pytest

from gateway.catalog.document import Document
from gateway.catalog.site import Link, Site, read


def of(text: str) -> tuple[Site, list[str]]:
    document = Document("site.toml", text)
    site = read(document)
    document.root.close()
    return site, document.problems


def test_an_empty_file_is_a_site() -> None:
    site, problems = of("")
    assert problems == []
    assert (site.name, site.operator, site.public, site.links) == ("Sluice", "", True, ())


def test_a_site_of_ones_own() -> None:
    site, problems = of(
        'name = "Acme AI"\noperator = "Acme"\ncontact = "mailto:ai@acme.example"\nlogo = "acme.svg"\npublic = false\n'
        '[[link]]\ntitle = "Terms"\naddress = "https://acme.example/terms"\n'
    )
    assert problems == []
    assert site.links == (Link("Terms", "https://acme.example/terms"),)
    assert (site.name, site.logo, site.public) == ("Acme AI", "acme.svg", False)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('name = ""', "`name` must have 1 to 40 characters"),
        (f'name = "{"x" * 41}"', "`name` must have 1 to 40 characters"),
        ('contact = "javascript:alert(1)"', "`contact` must begin with"),
        ('logo = "../../etc/passwd.png"', "`logo` must be the name of"),
        ('logo = "x.html"', "`logo` must be the name of"),
        ('[[link]]\ntitle = "x"\naddress = "data:text/html,x"', "`address` must begin with"),
        ('[[link]]\ntitle = "x"', "address"),
        ("publik = true", "unknown key `publik`"),
        ('[[link]]\ntitle = "x"\naddress = "https://x.example"\n' * 13, "at most 12 links"),
    ],
)
def test_mistakes_are_named(line: str, problem: str) -> None:
    _, problems = of(line)
    assert len(problems) == 1
    assert problem in problems[0]
