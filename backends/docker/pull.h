/* SPDX-License-Identifier: MIT */
/* Pulling an image for one or more attempts of a run. */
#ifndef PLR_DOCKER_PULL_H
#define PLR_DOCKER_PULL_H

#include "backends/docker/docker.h"
#include "net/image_name.h"

/* Starts the pull, or joins one that is under way. plr_docker_pulled follows, from the loop, unless
 * the attempt leaves. */
int plr_docker_pull_join(plr_docker_attempt *attempt, const plr_image_name *name, plr_error *err);

/* image.c: the pull has ended. PLR_ERR_IMAGE: the registry says no; other codes: it was not to be
 * asked. */
void plr_docker_pulled(plr_docker_attempt *attempt, const plr_error *err);

#endif
