/* SPDX-License-Identifier: MIT */
/*
 * plr-sandbox: started once for each run, with its socket to the engine as stdin.
 */
int main(void)
{
    return 1;
}
