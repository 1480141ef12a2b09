"""`gateway tokens`: estimate what a text or a request costs before it is sent."""

from typing import BinaryIO

import click
import orjson

from gateway.tokens.encoding import VocabularyError
from gateway.tokens.estimate import count_request, count_text
from gateway.tokens.families import profile_of


@click.command()
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--model", default="claude-opus-5", show_default=True, help="The model whose tokenizer counts.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def tokens(file: BinaryIO, model: str, as_json: bool) -> None:
    """Estimate the input tokens of FILE (- for standard input).

    A file that holds a Messages request is counted with its frame, tools and images; any other is counted as one user message
    that holds it as text.
    """
    content = file.read()
    body = _request(content)
    family = profile_of(model).family
    try:
        if body is None:
            text = content.decode("utf-8", "replace")
            total, kind = count_request({"messages": [{"role": "user", "content": text}]}, model), "text"
            inner = count_text(text, family)
        else:
            total, kind, inner = count_request(body, model), "request", None
    except VocabularyError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        answer = {"input_tokens": total, "model": model, "family": family.value, "counted_as": kind, "method": "estimate"}
        if inner is not None:
            answer["text_tokens"] = inner
        click.echo(orjson.dumps(answer).decode())
        return
    click.echo(f"{total:,} input tokens, estimated for {model} ({family.value}), counted as a {kind}")


def _request(content: bytes) -> dict[str, object] | None:
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) and "messages" in value else None
