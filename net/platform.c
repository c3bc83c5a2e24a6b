/* SPDX-License-Identifier: MIT */
/* Platforms of images: what this machine is, and which of several images fits one. */
#include "net/platform.h"

#include <string.h>
#include <sys/utsname.h>

/* What the kernel calls a machine, and what images do. */
static const struct {
    const char *machine, *arch, *variant;
} machines[] = {
    { "x86_64", "amd64", NULL },
    { "aarch64", "arm64", "v8" },
    { "armv7l", "arm", "v7" },
    { "armv6l", "arm", "v6" },
    { "i686", "386", NULL },
    { "ppc64le", "ppc64le", NULL },
    { "s390x", "s390x", NULL },
    { "riscv64", "riscv64", NULL },
};

static bool given(const char *text)
{
    return text != NULL && *text != '\0';
}

plr_platform plr_platform_or_here(const plr_platform *wanted)
{
    plr_platform platform = { .os = "linux", .arch = "unknown" };
    struct utsname name;
    if (wanted != NULL && given(wanted->os))
        platform.os = wanted->os;
    if (wanted != NULL && given(wanted->arch)) {
        platform.arch = wanted->arch;
        platform.variant = given(wanted->variant) ? wanted->variant : NULL;
        return platform;
    }
    if (uname(&name) == 0)
        for (size_t i = 0; i < sizeof machines / sizeof *machines; i++)
            if (strcmp(machines[i].machine, name.machine) == 0) {
                platform.arch = machines[i].arch;
                platform.variant = machines[i].variant;
            }
    if (wanted != NULL && given(wanted->variant))
        platform.variant = wanted->variant;
    return platform;
}

unsigned plr_platform_fit(const plr_platform *wanted, const plr_platform *image)
{
    if (!given(image->os) || !given(image->arch) || strcmp(wanted->os, image->os) != 0 ||
            strcmp(wanted->arch, image->arch) != 0)
        return 0;
    if (!given(wanted->variant) || !given(image->variant))
        return given(wanted->variant) == given(image->variant) ? 100 : 50;
    if (strcmp(wanted->variant, image->variant) == 0)
        return 100;
    /* "v7" runs what "v6" and "v5" do; the nearest is the best. */
    const char *w = wanted->variant, *i = image->variant;
    bool versions = w[0] == 'v' && i[0] == 'v' && w[1] != '\0' && i[1] != '\0' && w[2] == '\0' &&
                    i[2] == '\0';
    if (strcmp(wanted->arch, "arm") == 0 && versions && i[1] >= '1' && i[1] < w[1] && w[1] <= '9')
        return (unsigned)(40 - (w[1] - i[1]));
    return 0;
}
