# mien as a container image: `cpu`, the last stage and so the default, and `cuda` for NVIDIA's GPUs.
#
#   docker build --tag mien:cpu .
#   docker build --tag mien:cuda --target cuda .
#   docker build --tag mien:cpu --build-context deps=.deps .    # nothing of PyPI and npm is fetched again
#
# docs/containers.md says how they are run, how large they are and what was tried.

# Takes the place of a build context of this name: a folder .deps that ./dev has filled.
FROM scratch AS deps

FROM debian:12-slim AS build
# How many compilers run at once; by default one for each processor.
ARG CMAKE_BUILD_PARALLEL_LEVEL
# The certificates that pip believes, where a network has its own.
ARG PIP_CERT
WORKDIR /mien
# What has to be installed and fetched changes more seldom than the code.
COPY dev ./
COPY cmake/deps.py cmake/deps.lock ./cmake/
RUN --mount=type=bind,from=deps,target=/deps \
    cp -a /deps .deps && ./dev setup && rm -rf /var/lib/apt/lists/*
COPY . .
# What `mien version` says: .git is not copied.
ARG MIEN_COMMIT
# The image takes the program and what it opens, and not what others are compiled against.
RUN ./dev install /opt/mien \
    && rm -r build /opt/mien/include /opt/mien/lib/libmien.* /opt/mien/lib/cmake /opt/mien/lib/pkgconfig \
        /opt/mien/share/doc/mien/examples \
    && mkdir /absent \
    && gcc -O2 -shared -fPIC -o /absent/libx265.so.199 docker/absent_libraries.c \
    && cp /absent/libx265.so.199 /absent/libicudata.so.72

# ONNX Runtime for CUDA 13 and NVIDIA's libraries, from PyPI by name. Of these only what is opened goes on.
FROM build AS cuda-libraries
ARG PIP_CERT
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates python3-pip \
    && rm -rf /var/lib/apt/lists/* \
    && MIEN_BACKEND_DIR=/cuda/backends /opt/mien/bin/mien backends install cuda
RUN python3 -m pip install --no-cache-dir --target /wheels 'nvidia-cublas==13.*' 'nvidia-cuda-runtime==13.*' \
        'nvidia-curand==10.*' 'nvidia-cufft==12.*' 'nvidia-cuda-nvrtc==13.*' 'nvidia-nvjitlink==13.*' \
        'nvidia-cudnn-cu13==9.*' \
    && mkdir -p /cuda/lib64 \
    && find /wheels/nvidia -name 'lib*.so.*' -exec mv -t /cuda/lib64 {} + \
    && rm -r /wheels

FROM debian:12-slim AS runtime
# The libraries that cmake/components.cmake names, and what checks certificates for `mien models pull`. Two of them are
# asked for by others and of no use here: docker/absent_libraries.c takes their place.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libarchive13 libcurl4 libexempi8 libexif12 libexpat1 \
        libfmt9 libgif7 libheif1 libhwy1 libjpeg62-turbo liblcms2-2 libpng16-16 libraw20 libseccomp2 libsqlite3-0 \
        libssl3 libstb0 libtiff6 libwebp7 libwebpdemux2 zlib1g \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/* /var/log/* \
        /usr/lib/*-linux-gnu/libicudata.so.* /usr/lib/*-linux-gnu/libx265.so.* \
    && install -d -o 10001 -g 10001 -m 0700 /data
COPY --from=build /absent/ /usr/lib/
COPY --from=build /opt/mien/ /opt/mien/
# Models, keys and settings of the operator are below /data/mien. Nothing else is ever written.
ENV PATH=/opt/mien/bin:/usr/bin:/bin \
    XDG_DATA_HOME=/data XDG_CONFIG_HOME=/data XDG_CACHE_HOME=/data
USER 10001:10001
WORKDIR /data
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 CMD ["mien", "health"]
ENTRYPOINT ["/opt/mien/bin/mien"]
CMD ["serve"]

FROM runtime AS cuda
COPY --from=cuda-libraries /cuda/backends/ /opt/mien/lib/mien/backends/
COPY --from=cuda-libraries /cuda/lib64/ /usr/local/cuda/lib64/
# What NVIDIA's container toolkit brings in of the driver.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility

FROM runtime AS cpu
