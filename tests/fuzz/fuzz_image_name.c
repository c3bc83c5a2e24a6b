/* SPDX-License-Identifier: MIT */
/* Image names: whatever is one has a whole name that means the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/image_name.h"

/* The whole name of a text; false if it names no image. */
static bool whole_name(const char *text, plr_buf *out)
{
    plr_image_name name = { 0 };
    plr_error err = { 0 };
    int r = plr_image_name_parse(&name, text, &err);
    if (r != err.code || (r < 0 && name.registry != NULL))
        abort();
    if (r == 0)
        plr_image_name_put(&name, out);
    plr_image_name_clear(&name);
    return r == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    plr_buf text = { 0 }, once = { 0 }, twice = { 0 };
    plr_buf_put(&text, data, size);
    if (whole_name(text.data, &once) &&
            (!whole_name(once.data, &twice) || strcmp(once.data, twice.data) != 0))
        abort();
    plr_buf_clear(&text);
    plr_buf_clear(&once);
    plr_buf_clear(&twice);
    return 0;
}
