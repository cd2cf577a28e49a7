"""The loopback providers speak as the real ones do: the providers' own packages are their clients here."""

from __future__ import annotations

import importlib.util

import pytest

from .batch_servers import BUCKET, KEY_ID, ROLE, SECRET, serve


def test_openai_itself():
    """The package openai uploads, makes, lists, looks at and cancels a batch here, and reads its results."""
    import openai

    with serve("openai") as provider:
        client = openai.OpenAI(base_url=provider.url + "/v1", api_key="k", max_retries=0)
        with client:
            row = b'{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"m","messages":[{"role":"user","content":"hi"}]}}'
            file = client.files.create(file=("x.jsonl", row), purpose="batch")
            made = client.batches.create(
                input_file_id=file.id,
                endpoint="/v1/chat/completions",
                completion_window="24h",
                metadata={"antiphon": "name"},
            )
            assert (made.status, made.metadata) == ("in_progress", {"antiphon": "name"})
            now = client.batches.retrieve(made.id)
            assert now.status == "completed"
            assert now.output_file_id is not None
            assert b"answer to hi" in client.files.content(now.output_file_id).content
            assert [job.id for job in client.batches.list(limit=1)] == [made.id]
            assert client.batches.cancel(made.id).status == "cancelled"


def test_anthropic_itself():
    """The package anthropic makes, lists, looks at and cancels a batch here, and reads its results."""
    import anthropic

    with serve("anthropic") as provider:
        client = anthropic.Anthropic(base_url=provider.url, api_key="k", max_retries=0)
        with client:
            params = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
            made = client.messages.batches.create(requests=[{"custom_id": "a", "params": params}])  # type: ignore[list-item]
            assert made.processing_status == "in_progress"
            assert client.messages.batches.retrieve(made.id).processing_status == "ended"
            [row] = client.messages.batches.results(made.id)
            assert row.result.type == "succeeded"
            assert row.result.message.content[0].text == "answer to hi"  # type: ignore[union-attr]
            assert [job.id for job in client.messages.batches.list(limit=1)] == [made.id]
            client.messages.batches.cancel(made.id)


@pytest.mark.skipif(
    importlib.util.find_spec("google") is None, reason="needs google-genai, which needs Python 3.11"
)
def test_gemini_itself():
    """The package google-genai makes, lists, looks at and cancels a batch here, and reads its results."""
    from google import genai

    with serve("gemini") as provider:
        client = genai.Client(api_key="k", http_options={"base_url": provider.url, "api_version": "v1beta"})
        asked = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "metadata": {"key": "a"}}
        made = client.batches.create(model="m", src=[asked], config={"display_name": "name"})  # type: ignore[list-item]
        assert made.name is not None
        assert (made.display_name, made.state) == ("name", "JOB_STATE_RUNNING")
        now = client.batches.get(name=made.name)
        assert now.state == "JOB_STATE_SUCCEEDED"
        assert now.dest is not None
        [row] = now.dest.inlined_responses or ()
        assert row.metadata == {"key": "a"}
        assert row.response is not None
        assert row.response.text == "answer to hi"
        assert [job.name for job in client.batches.list(config={"page_size": 1})] == [made.name]
        client.batches.cancel(name=made.name)
        assert client.batches.get(name=made.name).state == "JOB_STATE_CANCELLED"
        client.close()


def test_bedrock_itself():
    """The package botocore puts a file into S3, makes, lists, looks at and stops a job here, and reads its results."""
    import botocore.session
    from botocore.config import Config

    with serve("bedrock") as provider:
        session = botocore.session.get_session()
        about = {"aws_access_key_id": KEY_ID, "aws_secret_access_key": SECRET, "endpoint_url": provider.url}
        style = Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required")
        files = session.create_client("s3", "eu-west-1", config=style, **about)
        control = session.create_client("bedrock", "eu-west-1", **about)
        row = b'{"recordId":"a","modelInput":{"messages":[{"role":"user","content":[{"text": "hi"}]}]}}'
        files.put_object(Bucket=BUCKET, Key="some/folder/antiphon-1.jsonl", Body=row)
        made = control.create_model_invocation_job(
            jobName="antiphon-1",
            clientRequestToken="antiphon-1",
            roleArn=ROLE,
            modelId="amazon.nova-lite-v1:0",
            modelInvocationType="Converse",
            inputDataConfig={"s3InputDataConfig": {"s3Uri": f"s3://{BUCKET}/some/folder/antiphon-1.jsonl"}},
            outputDataConfig={"s3OutputDataConfig": {"s3Uri": f"s3://{BUCKET}/some/folder/"}},
        )
        now = control.get_model_invocation_job(jobIdentifier=made["jobArn"])
        assert now["status"] == "Completed"
        there = now["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"].removeprefix(f"s3://{BUCKET}/")
        folder = there + now["jobArn"].rpartition("/")[2] + "/"
        pages = files.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=folder)
        keys = [item["Key"] for page in pages for item in page["Contents"]]
        assert keys == [f"{folder}antiphon-1.jsonl.out", f"{folder}manifest.json.out"]
        assert b"answer to hi" in files.get_object(Bucket=BUCKET, Key=keys[0])["Body"].read()
        listed = control.list_model_invocation_jobs(sortBy="CreationTime", sortOrder="Descending")
        assert [job["jobName"] for job in listed["invocationJobSummaries"]] == ["antiphon-1"]
        control.stop_model_invocation_job(jobIdentifier=made["jobArn"])
        files.close()
        control.close()
