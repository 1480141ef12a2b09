"""OpenAI's SDK, as far as the gateway speaks to it: the list of models in its shape."""

import openai
import pytest

from tests.contracts.conftest import House


@pytest.mark.parametrize("base", ["/v1", "", "/v1/v1"])
def test_models_in_openai_shape(house: House, base: str) -> None:
    with openai.OpenAI(api_key=house.key, base_url=house.gateway.url + base, max_retries=0) as sdk:
        models = list(sdk.models.list())
        one = sdk.models.retrieve(models[0].id)
    assert {model.object for model in models} == {"model"}
    assert "claude-sonnet-5-5" in [model.id for model in models]
    assert (one.id, one.object, one.owned_by) == (models[0].id, "model", "anthropic")
    assert one.created > 1_600_000_000


def test_what_is_not_there_is_an_error_it_knows(house: House) -> None:
    with openai.OpenAI(api_key=house.key, base_url=f"{house.gateway.url}/v1", max_retries=0) as sdk:
        with pytest.raises(openai.NotFoundError):
            sdk.models.retrieve("no-such-model")
        with pytest.raises(openai.NotFoundError):
            sdk.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}])
        with pytest.raises(openai.AuthenticationError):
            sdk.with_options(api_key="sk-wrong").models.list()
