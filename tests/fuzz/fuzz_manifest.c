/* SPDX-License-Identifier: MIT */
/* Manifests and indexes of registries: what is read has digests that can be verified and may become
 * names of files. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/digest.h"
#include "net/manifest.h"
#include "net/platform.h"

static void must_be_digests(const plr_descriptor *descriptors, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!plr_digest_is_valid(descriptors[i].digest) || descriptors[i].size < 0 ||
                strpbrk(descriptors[i].digest, "/. ") != NULL)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    plr_manifest manifest = { 0 };
    plr_platform wanted = plr_platform_or_here(NULL);
    const plr_descriptor *entry = NULL;
    plr_error err = { 0 };
    plr_arena arena;
    plr_arena_init(&arena);
    int r = plr_manifest_read(&manifest, &arena, (const char *)data, size, "it", &err);
    if (r != err.code)
        abort();
    if (r == 0) {
        must_be_digests(manifest.manifests, manifest.n_manifests);
        must_be_digests(manifest.layers, manifest.n_layers);
        if (manifest.is_index == (manifest.config != NULL))
            abort();
        if (manifest.config != NULL)
            must_be_digests(manifest.config, 1);
        if (manifest.is_index && plr_manifest_choose(&entry, &manifest, &wanted, "it", NULL) == 0)
            must_be_digests(entry, 1);
    }
    plr_arena_clear(&arena);
    return 0;
}
