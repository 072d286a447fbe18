# ffprep with its ffmpeg, for any user. Builds from the checkout and PyPI, without git.
# docs/operations/container.md explains how to use it.
# Debian, because the ffmpeg from PyPI needs glibc 2.28 or newer; it does not start on Alpine.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
# Extras of pyproject.toml, for example "s3,dask".
ARG EXTRAS=""
COPY pyproject.toml README.md LICENSE /src/
COPY ffprep /src/ffprep
COPY filters /src/filters
COPY docs/man /src/docs/man
RUN python -m venv --without-pip /opt/ffprep \
 && python -m pip --python /opt/ffprep/bin/python install --no-cache-dir "/src${EXTRAS:+[$EXTRAS]}"

FROM python:${PYTHON}-slim
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
