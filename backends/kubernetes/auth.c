/* SPDX-License-Identifier: MIT */
/* Headers from what kubeconfig says: a token (from a file that may change, or from a plugin), or a
 * name and a password; and whom to act as. */
#include "backends/kubernetes/auth.h"

#include <string.h>

#include "backends/kubernetes/exec_plugin.h"
#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "net/file.h"
#include "net/registry_auth.h"

#define LONGEST_TOKEN ((size_t)64 << 10)
/* What a plugin gave is asked for again so long before it expires: clocks differ, requests take
 * time. */
#define EXPIRES_EARLY_S 10
#define ASK_AGAIN_NS UINT64_C(1000000000)

struct plr_kube_auth {
    const plr_host *host;
    plr_loop *loop;
    const plr_kube_config *config;
    uint64_t timeout_ns;
    plr_kube_auth_fn *on_change;
    void *userdata;
    plr_kube_credential credential; /* a plugin's */
    plr_kube_plugin *plugin;        /* while it is asked */
    bool stale;                     /* nothing was given yet, or it was refused */
    uint64_t answered_at;
    char *token;         /* of the token file, as last read */
    char *authorization; /* the header, or NULL */
    char **headers;      /* whom to act as, NULL-terminated */
    size_t n_headers;
    unsigned generation;
};

void plr_kube_auth_free(plr_kube_auth *auth)
{
    if (auth == NULL)
        return;
    plr_kube_plugin_free(auth->plugin);
    plr_kube_credential_clear(&auth->credential);
    for (size_t i = 0; i < auth->n_headers; i++)
        free(auth->headers[i]);
    free(auth->headers);
    free(auth->authorization);
    free(auth->token);
    free(auth);
}

static int add_header(plr_kube_auth *auth, const char *name, const char *value, plr_error *err)
{
    _cleanup_buf_ plr_buf line = { 0 };
    if (value == NULL)
        return 0;
    plr_buf_printf(&line, "%s: %s", name, value);
    return plr_buf_steal(&line, &auth->headers[auth->n_headers++], err);
}

static int add_impersonation(plr_kube_auth *auth, const plr_kube_user *user, plr_error *err)
{
    auth->headers = calloc(user->n_as_groups + 3, sizeof *auth->headers);
    if (auth->headers == NULL)
        return plr_error_nomem(err);
    int r = add_header(auth, "Impersonate-User", user->as, err);
    if (r == 0)
        r = add_header(auth, "Impersonate-Uid", user->as_uid, err);
    for (size_t i = 0; r == 0 && i < user->n_as_groups; i++)
        r = add_header(auth, "Impersonate-Group", user->as_groups[i], err);
    return r;
}

static int set_token(plr_kube_auth *auth, const char *token, plr_error *err)
{
    _cleanup_buf_ plr_buf line = { 0 };
    plr_buf_printf(&line, "Authorization: Bearer %s", token);
    int r = plr_buf_check(&line, err);
    if (r < 0)
        return r;
    free(auth->authorization);
    auth->authorization = NULL;
    auth->generation++;
    return plr_buf_steal(&line, &auth->authorization, err);
}

static int set_basic(plr_kube_auth *auth, const plr_kube_user *user, plr_error *err)
{
    _cleanup_buf_ plr_buf line = { 0 };
    plr_credential credential = { (char *)user->username, (char *)user->password, NULL };
    int r = plr_auth_put_basic(&credential, &line, err);
    return r < 0 ? r : plr_buf_steal(&line, &auth->authorization, err);
}

int plr_kube_auth_new(plr_kube_auth **ret_auth, const plr_host *host, plr_loop *loop,
        const plr_kube_config *config, uint64_t timeout_ns, plr_kube_auth_fn *on_change,
        void *userdata, plr_error *err)
{
    _cleanup_kube_auth_ plr_kube_auth *auth = calloc(1, sizeof *auth);
    const plr_kube_user *user = &config->user;
    if (auth == NULL)
        return plr_error_nomem(err);
    *auth = (plr_kube_auth){
        .host = host,
        .loop = loop,
        .config = config,
        .timeout_ns = timeout_ns,
        .on_change = on_change,
        .userdata = userdata,
        .stale = true,
    };
    int r = add_impersonation(auth, user, err);
    if (r == 0 && user->token_file == NULL && user->token != NULL)
        r = set_token(auth, user->token, err);
    else if (r == 0 && user->token_file == NULL && user->username != NULL)
        r = set_basic(auth, user, err);
    if (r == 0)
        *ret_auth = steal(auth);
    return r;
}

/* A file that cannot be read for a moment does no harm while there is an older token. */
static int read_token_file(plr_kube_auth *auth, plr_error *err)
{
    const char *path = auth->config->user.token_file;
    _cleanup_buf_ plr_buf text = { 0 };
    plr_error why = { 0 };
    int r = plr_file_read(&text, path, LONGEST_TOKEN, &why);
    if (r < 0 && auth->token != NULL)
        return 0;
    if (r < 0)
        return plr_error_set(err, r, "the token of the service account or user: %s", why.message);
    char *token = text.data != NULL ? text.data + strspn(text.data, " \t\r\n") : "";
    size_t size = strcspn(token, " \t\r\n");
    if (size == 0)
        return auth->token != NULL
                       ? 0
                       : plr_error_set(err, PLR_ERR_CONFIGURATION, "%s: expected a token", path);
    token[size] = '\0';
    if (auth->token != NULL && strcmp(auth->token, token) == 0)
        return 0;
    free(auth->token);
    auth->token = NULL;
    r = plr_text_copy(&auth->token, token, err);
    return r < 0 ? r : set_token(auth, token, err);
}

static void on_plugin(plr_kube_plugin *plugin, plr_kube_credential *credential,
        const plr_error *failure, void *userdata)
{
    plr_kube_auth *auth = userdata;
    plr_error err = { 0 };
    plr_kube_plugin_free(plugin);
    auth->plugin = NULL;
    if (failure != NULL) {
        auth->on_change(auth, failure, auth->userdata);
        return;
    }
    plr_kube_credential_clear(&auth->credential);
    auth->credential = *credential;
    *credential = (plr_kube_credential){ 0 };
    auth->stale = false;
    auth->answered_at = auth->host->now(auth->loop);
    auth->generation++;
    if (auth->credential.token != NULL)
        set_token(auth, auth->credential.token, &err);
    auth->on_change(auth, err.code != PLR_OK ? &err : NULL, auth->userdata);
}

static bool is_expired(const plr_kube_auth *auth)
{
    /* Some give out what has expired already: the server is to judge that. */
    if (auth->host->now(auth->loop) - auth->answered_at < ASK_AGAIN_NS)
        return false;
    int64_t now_s = auth->host->wall_now(auth->loop) / 1000000000;
    return auth->credential.expires_s > 0 && now_s + EXPIRES_EARLY_S >= auth->credential.expires_s;
}

static bool uses_plugin(const plr_kube_auth *auth)
{
    const plr_kube_user *user = &auth->config->user;
    return user->exec != NULL && user->token_file == NULL && user->token == NULL &&
           user->username == NULL;
}

int plr_kube_auth_get(plr_kube_auth *auth, plr_kube_identity *ret_identity, plr_error *err)
{
    if (auth->config->user.token_file != NULL) {
        int r = read_token_file(auth, err);
        if (r < 0)
            return r;
    }
    if (auth->plugin != NULL)
        return 0;
    if (uses_plugin(auth) && (auth->stale || is_expired(auth))) {
        int r = plr_kube_plugin_new(&auth->plugin, auth->host, auth->loop, auth->config,
                auth->timeout_ns, on_plugin, auth, err);
        return r < 0 ? r : 0;
    }
    *ret_identity = (plr_kube_identity){
        .authorization = auth->authorization,
        .headers = (const char *const *)auth->headers,
        .cert_pem = auth->credential.cert_pem,
        .key_pem = auth->credential.key_pem,
        .generation = auth->generation,
    };
    return 1;
}

bool plr_kube_auth_refused(plr_kube_auth *auth, unsigned generation)
{
    if (generation != auth->generation)
        return true;
    if (auth->config->user.token_file != NULL)
        return read_token_file(auth, NULL) == 0 && generation != auth->generation;
    auth->stale = uses_plugin(auth);
    return auth->stale;
}
