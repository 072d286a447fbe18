# ffprep with its ffmpeg, for any user. Builds from the checkout and PyPI, without git.
# docs/operations/container.md explains how to use it.
# Debian, because the ffmpeg from PyPI needs glibc 2.28 or newer; it does not start on Alpine.
# One base image for all stages: Dependabot renews the digest of the first FROM only.
FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b AS base

FROM base AS build
# Extras of pyproject.toml, for example "s3,dask".
ARG EXTRAS=""
ENV UV_PROJECT_ENVIRONMENT=/opt/ffprep
ENV UV_COMPILE_BYTECODE=1
ENV UV_LINK_MODE=copy
ENV UV_NO_CACHE=1
RUN python -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir uv
# The dependencies: wheels only, each with its hash in uv.lock.
COPY pyproject.toml uv.lock /src/
RUN /opt/uv/bin/uv sync --project /src --frozen --no-dev --no-build --no-install-project \
    ${EXTRAS:+--extra=$(echo "$EXTRAS" | sed 's/,/ --extra=/g')}
COPY README.md LICENSE /src/
COPY ffprep /src/ffprep
COPY filters /src/filters
COPY docs/man /src/docs/man
# The wheel of ffprep.
RUN /opt/uv/bin/uv sync --project /src --frozen --no-dev --no-editable \
    ${EXTRAS:+--extra=$(echo "$EXTRAS" | sed 's/,/ --extra=/g')}

FROM base
LABEL org.opencontainers.image.title="ffprep" \
      org.opencontainers.image.description="Resize photos to exactly the dimensions you ask for, with FFmpeg, and check every output." \
      org.opencontainers.image.url="https://github.com/ffprep/ffprep" \
      org.opencontainers.image.licenses="MIT AND GPL-3.0-or-later"
COPY --from=build /opt/ffprep /opt/ffprep
ENV PATH=/opt/ffprep/bin:$PATH
# For `--fast`.
RUN apt-get update \
 && apt-get install -y --no-install-recommends libturbojpeg0 \
 && rm -rf /var/lib/apt/lists/*
# Fail the build if the image cannot convert a photo.
RUN ffprep --version \
 && python -c "from PIL import Image; Image.new('RGB', (64, 48)).save('/tmp/photo.png')" \
 && ffprep convert /tmp/photo.png -o /tmp/ready.jpg --size 32x32 --ledger none \
 && rm /tmp/photo.png /tmp/ready.jpg
# Any other user works too (`docker run -u`). Kubernetes needs a number.
USER 10001:10001
WORKDIR /photos
HEALTHCHECK --interval=5m --timeout=30s CMD ["ffprep", "--version"]
# ffprep is process 1: it ends on SIGTERM, and waits for every process it starts.
ENTRYPOINT ["ffprep"]
CMD ["--help"]
