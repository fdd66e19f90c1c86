/* The program: all of it is behind cr_cli_main, which tests call too. */

#include "command.h"

int
main(int argc, char **argv)
{
    return cr_cli_main(argc, (const char *const *) argv, stdin, stdout, stderr);
}
