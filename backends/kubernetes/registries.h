/* SPDX-License-Identifier: MIT */
/* The credentials of registries in a file of the user's (--config): the cluster pulls the images,
 * so it is given them. */
#ifndef PLR_KUBE_REGISTRIES_H
#define PLR_KUBE_REGISTRIES_H

#include <json-c/json.h>
#include <pipeline/error.h>

/* "auths" of a file like ~/.docker/config.json; NULL: it has none. What it leaves to helper
 * programs a cluster cannot have. PLR_ERR_CONFIGURATION for a file that is not like that, without
 * what stands in it. The caller puts the result. */
int plr_kube_registries_read(json_object **ret_auths, const char *file, plr_error *err);

#endif
