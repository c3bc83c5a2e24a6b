/* SPDX-License-Identifier: MIT */
/* What steps and daemons write, on its way to a screen: whatever they send, only colours and text
 * that stays within its columns come out. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/view/terminal.h"

/* Aborts unless all escape sequences set colours, and no control character is left. */
static void check(const plr_text *out, bool colours)
{
    const unsigned char *text = (const unsigned char *)out->data;
    for (size_t i = 0; i < out->size; i++) {
        if (text[i] == 0x1b) {
            size_t at = i + 1;
            if (!colours || at >= out->size || text[at++] != '[')
                abort();
            while (at < out->size && strchr("0123456789;:", text[at]) != NULL && text[at] != '\0')
                at++;
            if (at >= out->size || text[at] != 'm')
                abort();
            i = at;
        } else if (text[i] < 0x20 || text[i] == 0x7f ||
                   (text[i] == 0xc2 && i + 1 < out->size && text[i + 1] < 0xa0)) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    plr_text out = { 0 };
    size_t columns = data[0];
    bool colours = (data[1] & 1) != 0;
    if (plr_terminal_line(&out, (const char *)data + 2, size - 2, columns, colours) > columns)
        abort();
    check(&out, colours);
    plr_text_clear(&out);
    return 0;
}
