/*
 * THE command table.  From these rows come the parser, the help, the
 * completion script and the manual page; docs/cli.md has an example of each,
 * which a test runs.
 */

#include "command.h"
#include "commands/commands.h"
#include "commands/config.h"
#include "job_table.h"

/* clang-format off */

#define ROLES "projectAdmin|maintainer|developer|guest|limitedGuest"

const cr_flag_t  cr_global_flags[] = {

    { .name = "database", .letter = 'd', .value = "URL",
      .help = "The database: sqlite:PATH. Without it REGISTRY_DATABASE from "
              "the environment, else "
              "sqlite:/var/lib/nginx-registry/registry.db." },

    { .name = "output", .letter = 'o', .value = "table|json|name",
      .choices = "table|json|name",
      .help = "How data is printed: a table, JSON with the member names of "
              "the management API, or names only." },

    { .name = "no-headers",
      .help = "No line of titles above a table." },

    { .name = "quiet", .letter = 'q',
      .help = "No remarks on standard error, only errors." },

    { .name = "verbose", .letter = 'v',
      .help = "Debug messages on standard error." },

    { .name = "help", .letter = 'h',
      .help = "Tell about the program or about one command." },

    { .name = "version", .letter = 'V',
      .help = "Print the version." },

    { .name = NULL }
};

static const cr_flag_t  password_flags[] = {

    { .name = "password-file", .value = "FILE", .file = true,
      .help = "Read the password from the first line of FILE." },

    { .name = "password-stdin",
      .help = "Read the password from the first line of standard input." },

    { .name = NULL }
};

static const cr_flag_t  user_flags[] = {

    { .name = "admin",
      .help = "Make the user a system administrator." },

    { .name = "email", .value = "ADDRESS",
      .help = "The user's e-mail address." },

    { .name = "realname", .value = "NAME",
      .help = "The user's name as people write it." },

    { .name = "password-file", .value = "FILE", .file = true,
      .help = "Read the password from the first line of FILE." },

    { .name = "password-stdin",
      .help = "Read the password from the first line of standard input." },

    { .name = NULL }
};

static const cr_flag_t  token_flags[] = {

    { .name = "revoke", .value = "ID|all",
      .help = "End the token of that number, or all of the user." },

    { .name = NULL }
};

static const cr_flag_t  robot_flags[] = {

    { .name = "project", .value = "NAME",
      .help = "The project that the robot belongs to. Without it the robot "
              "has its permissions in every project." },

    { .name = "allow", .value = "LIST",
      .help = "Permissions, separated by commas: pull, push, delete, or "
              "RESOURCE:ACTION, or system:RESOURCE:ACTION. Default: pull." },

    { .name = "duration", .value = "DAYS",
      .help = "End after so many days. Default: never." },

    { .name = "description", .value = "TEXT",
      .help = "What it is for." },

    { .name = "replication",
      .help = "It may push into projects that only replication writes." },

    { .name = "password-file", .value = "FILE", .file = true,
      .help = "Read the secret from the first line of FILE." },

    { .name = "password-stdin",
      .help = "Read the secret from the first line of standard input." },

    { .name = NULL }
};

static const cr_flag_t  create_flags[] = {

    { .name = "public",
      .help = "Anyone may pull from it." },

    { .name = NULL }
};

static const cr_flag_t  prune_flags[] = {

    { .name = "dry-run",
      .help = "Only list what would be deleted." },

    { .name = NULL }
};

static const cr_flag_t  fsck_flags[] = {

    { .name = "content",
      .help = "Read every blob and compare its digest, too." },

    { .name = "repair",
      .help = "Forget the blobs whose content is missing or damaged: clients "
              "are told so, and the next push of the image brings it back." },

    { .name = "release",
      .help = "When no blob is at fault: let content be deleted again, which "
              "a restore has put on hold." },

    { .name = NULL }
};

static const cr_flag_t  help_flags[] = {

    { .name = "man",
      .help = "Print the manual page, in roff." },

    { .name = NULL }
};

const cr_command_t  cr_commands[] = {

    { .noun = "serve",
      .summary = "run the daemon",
      .text = "Runs the daemon in the foreground: it does the jobs of the "
              "database and keeps SQLite's write-ahead log short. It logs to "
              "standard error, one line an event. SIGTERM and SIGINT end it "
              "after the current item, with status 0; SIGHUP makes it read "
              "the settings again. Any number of daemons may run on one "
              "database.",
      .example = "jobrunner serve",
      .handler = cr_command_serve },

    { .noun = "db", .verb = "migrate",
      .summary = "create the database, or bring it to this version",
      .text = "Creates the database when it is missing and applies the "
              "schema migrations that it lacks. Before it upgrades a "
              "database that is in use it makes a backup beside it. Run it "
              "before the first start of nginx and after an upgrade; run "
              "again it changes nothing.",
      .example = "jobrunner db migrate",
      .handler = cr_command_db_migrate },

    { .noun = "db", .verb = "status",
      .summary = "show the version of the schema",
      .text = "Shows the schema of the database and that of this program. "
              "The exit status is 0 when they fit, 5 when db migrate or a "
              "newer program is needed, 6 when the database is missing.",
      .example = "jobrunner db status",
      .handler = cr_command_db_status },

    { .noun = "db", .verb = "backup",
      .args = { { .name = "FILE", .file = true } },
      .summary = "copy the database while it is in use",
      .text = "Writes a consistent copy of the database into a new file, "
              "while nginx and the daemon go on. It never overwrites a "
              "file. Started by root it writes as the owner of the "
              "database. Take the backup of the database before that of the "
              "content: content without a row is swept, a row without "
              "content is a loss.",
      .example = "jobrunner db backup registry-backup.db",
      .handler = cr_command_db_backup },

    { .noun = "db", .verb = "restore",
      .args = { { .name = "FILE", .file = true } },
      .summary = "put a backup in the place of the database",
      .text = "Checks a backup and puts a copy of it in the place of the "
              "database, at once. nginx and the daemon must be stopped: "
              "while a process has the database open the exit status is 5 "
              "and nothing is changed. The former database stays beside the "
              "new one under the name that is printed. Uploads that were in "
              "the making end. From then on no content is deleted until "
              "fsck --release. Started by root it reads FILE as the owner "
              "of the database.",
      .example = "jobrunner db restore registry-backup.db",
      .handler = cr_command_db_restore },

    { .noun = "fsck",
      .flags = fsck_flags,
      .summary = "compare the database with the content",
      .text = "Looks whether each blob has its file, of the right size, and "
              "whether each file has a row. It may run beside nginx and the "
              "daemon. A file without a row is no fault: a crash leaves "
              "some, and so does a restore; the sweep removes them in time. "
              "The exit status is 0 when no blob is at fault or all were "
              "repaired, else 7.",
      .example = "jobrunner fsck --content",
      .handler = cr_command_fsck },

    { .noun = "status",
      .summary = "show the registry on one screen",
      .text = "Shows the schema, the installation, how much there is of "
              "everything, where the content is and how much room it has, "
              "and when the periodic jobs ran last.",
      .example = "jobrunner status",
      .handler = cr_command_status },

    { .noun = "user", .verb = "list", .alias = "ls",
      .summary = "list the users",
      .text = "Lists the users by name.",
      .example = "jobrunner user list",
      .handler = cr_command_user_list },

    { .noun = "user", .verb = "passwd",
      .args = { { .name = "NAME" } },
      .flags = password_flags,
      .summary = "set the password of a user",
      .text = "Sets the password of a user and voids the tokens that were "
              "given out to the user before. The password has 8 to 511 "
              "bytes and no control characters. The first user is admin, "
              "who has no password until this command has set one.",
      .example = "jobrunner user passwd admin --password-stdin",
      .handler = cr_command_user_passwd },

    { .noun = "user", .verb = "show",
      .args = { { .name = "NAME" } },
      .summary = "show a user",
      .text = "Shows one user.",
      .example = "jobrunner user show admin",
      .handler = cr_command_user_show },

    { .noun = "user", .verb = "create",
      .args = { { .name = "NAME" } },
      .flags = user_flags,
      .summary = "create a user",
      .text = "Creates a user. The password has 8 to 128 bytes, with an "
              "upper case letter, a lower case letter and a digit. Without "
              "one the user can only come with a name that nginx has "
              "established (remote_user).",
      .example = "jobrunner user create alice --password-stdin",
      .handler = cr_command_user_create },

    { .noun = "user", .verb = "delete", .alias = "rm",
      .args = { { .name = "NAME" } },
      .summary = "delete a user",
      .text = "Deletes a user and its memberships; its tokens are void at "
              "once. The number of the user is never used again. The first "
              "user and the last administrator cannot be deleted.",
      .example = "jobrunner user delete alice",
      .handler = cr_command_user_delete },

    { .noun = "user", .verb = "disable",
      .args = { { .name = "NAME" } },
      .summary = "keep a user out",
      .text = "Keeps a user out, and voids all tokens and sessions, until "
              "it is enabled again. Memberships stay.",
      .example = "jobrunner user disable alice",
      .handler = cr_command_user_disable },

    { .noun = "user", .verb = "enable",
      .args = { { .name = "NAME" } },
      .summary = "let a disabled user in again",
      .text = "Lets a disabled user in again.",
      .example = "jobrunner user enable alice",
      .handler = cr_command_user_enable },

    { .noun = "user", .verb = "admin",
      .args = { { .name = "NAME" },
                { .name = "on|off", .choices = "on|off" } },
      .summary = "make a user a system administrator, or no more",
      .text = "Makes a user a system administrator (on), or no more (off). "
              "It takes effect with the next request. Somebody must stay "
              "administrator.",
      .example = "jobrunner user admin alice on",
      .handler = cr_command_user_admin },

    { .noun = "user", .verb = "tokens",
      .args = { { .name = "NAME" } },
      .flags = token_flags,
      .summary = "list or revoke the refresh tokens of a user",
      .text = "Lists the refresh tokens of a user: the logins that docker "
              "and other clients keep, by number, with the name of the "
              "client. With --revoke it ends one or all of them and lists "
              "what is left; tokens for pulling and pushing that were made "
              "from it live on until they end, in half an hour at most "
              "unless it was set.",
      .example = "jobrunner user tokens alice --revoke all",
      .handler = cr_command_user_tokens },

    { .noun = "project", .verb = "list", .alias = "ls",
      .summary = "list the projects",
      .text = "Lists the projects by name.",
      .example = "jobrunner project list",
      .handler = cr_command_project_list },

    { .noun = "project", .verb = "create",
      .args = { { .name = "NAME" } },
      .flags = create_flags,
      .summary = "create a project",
      .text = "Creates a project, private unless --public is given. A "
              "project is the first component of a repository name and the "
              "unit of permission.",
      .example = "jobrunner project create team --public",
      .handler = cr_command_project_create },

    { .noun = "project", .verb = "set-public",
      .args = { { .name = "NAME" },
                { .name = "on|off", .choices = "on|off" } },
      .summary = "let anyone pull from a project, or only its members",
      .text = "Makes a project public (on) or private (off). It takes "
              "effect at once.",
      .example = "jobrunner project set-public team off",
      .handler = cr_command_project_set_public },

    { .noun = "project", .verb = "show",
      .args = { { .name = "NAME" } },
      .summary = "show a project",
      .text = "Shows one project.",
      .example = "jobrunner project show team",
      .handler = cr_command_project_show },

    { .noun = "project", .verb = "set-write",
      .args = { { .name = "NAME" },
                { .name = "all|replication", .choices = "all|replication" } },
      .summary = "say who may push into a project",
      .text = "Lets everybody with the right push into a project (all), or "
              "only robots that replication pushes with (replication): the "
              "project is then a copy of another registry's.",
      .example = "jobrunner project set-write team replication",
      .handler = cr_command_project_set_write },

    { .noun = "project", .verb = "set-quota",
      .args = { { .name = "NAME" }, { .name = "SIZE|none" } },
      .summary = "limit the storage of a project",
      .text = "Sets how many bytes a project may hold: a number, also with "
              "k, m, g or t behind it, or none. A blob counts once, in "
              "however many repositories of the project it is. What a "
              "project holds already stays.",
      .example = "jobrunner project set-quota team 20g",
      .handler = cr_command_project_set_quota },

    { .noun = "project", .verb = "delete", .alias = "rm",
      .args = { { .name = "NAME" } },
      .summary = "delete an empty project",
      .text = "Deletes a project that holds no repository, with its members "
              "and robots. The number of the project is never used again.",
      .example = "jobrunner project delete team",
      .handler = cr_command_project_delete },

    { .noun = "member", .verb = "list", .alias = "ls",
      .args = { { .name = "PROJECT" } },
      .summary = "list the members of a project",
      .text = "Lists the members of a project and their roles.",
      .example = "jobrunner member list team",
      .handler = cr_command_member_list },

    { .noun = "member", .verb = "show",
      .args = { { .name = "PROJECT" }, { .name = "USER" } },
      .summary = "show a member of a project",
      .text = "Shows one member of a project.",
      .example = "jobrunner member show team alice",
      .handler = cr_command_member_show },

    { .noun = "member", .verb = "add", .alias = "create",
      .args = { { .name = "PROJECT" }, { .name = "USER" },
                { .name = "ROLE", .choices = ROLES } },
      .summary = "make a user a member of a project",
      .text = "Makes a user a member of a project. Guests pull; developers "
              "push and pull; maintainers also delete; a projectAdmin "
              "manages the members too. It takes effect with the next "
              "request.",
      .example = "jobrunner member add team alice developer",
      .handler = cr_command_member_add },

    { .noun = "member", .verb = "set",
      .args = { { .name = "PROJECT" }, { .name = "USER" },
                { .name = "ROLE", .choices = ROLES } },
      .summary = "give a member another role",
      .text = "Gives a member of a project another role.",
      .example = "jobrunner member set team alice maintainer",
      .handler = cr_command_member_set },

    { .noun = "member", .verb = "remove", .alias = "rm|delete",
      .args = { { .name = "PROJECT" }, { .name = "USER" } },
      .summary = "take a user out of a project",
      .text = "Takes a user out of a project. Tokens that the user has are "
              "worth nothing there from the next request on.",
      .example = "jobrunner member remove team alice",
      .handler = cr_command_member_remove },

    { .noun = "robot", .verb = "list", .alias = "ls",
      .summary = "list the robot accounts",
      .text = "Lists the robot accounts of all projects and of the registry.",
      .example = "jobrunner robot list",
      .handler = cr_command_robot_list },

    { .noun = "robot", .verb = "show",
      .args = { { .name = "NAME" } },
      .summary = "show a robot account",
      .text = "Shows one robot account, by its full name.",
      .example = "jobrunner robot show 'robot$team+ci'",
      .handler = cr_command_robot_show },

    { .noun = "robot", .verb = "create",
      .args = { { .name = "NAME" } },
      .flags = robot_flags,
      .summary = "create a robot account",
      .text = "Creates an account for a machine and prints its full name and "
              "its secret, which is not shown again.",
      .example = "jobrunner robot create ci --project team --allow pull,push",
      .handler = cr_command_robot_create },

    { .noun = "robot", .verb = "rotate",
      .args = { { .name = "NAME" } },
      .flags = password_flags,
      .summary = "give a robot account a new secret",
      .text = "Gives a robot account a new secret and prints it; the old one "
              "and all tokens are void at once.",
      .example = "jobrunner robot rotate 'robot$team+ci'",
      .handler = cr_command_robot_rotate },

    { .noun = "robot", .verb = "disable",
      .args = { { .name = "NAME" } },
      .summary = "keep a robot account out",
      .text = "Keeps a robot account out until it is enabled again; its "
              "tokens are void at once.",
      .example = "jobrunner robot disable 'robot$team+ci'",
      .handler = cr_command_robot_disable },

    { .noun = "robot", .verb = "enable",
      .args = { { .name = "NAME" } },
      .summary = "let a disabled robot account in again",
      .text = "Lets a disabled robot account in again.",
      .example = "jobrunner robot enable 'robot$team+ci'",
      .handler = cr_command_robot_enable },

    { .noun = "robot", .verb = "delete", .alias = "rm",
      .args = { { .name = "NAME" } },
      .summary = "delete a robot account",
      .text = "Deletes a robot account; its tokens are void at once.",
      .example = "jobrunner robot delete 'robot$team+ci'",
      .handler = cr_command_robot_delete },

    { .noun = "key", .verb = "list", .alias = "ls",
      .summary = "list the keys of tokens",
      .text = "Lists the keys that tokens are signed and verified with. A "
              "key pair of nginx.conf (token_key) signs before all others.",
      .example = "jobrunner key list",
      .handler = cr_command_key_list },

    { .noun = "key", .verb = "rotate",
      .summary = "make a new key for tokens",
      .text = "Makes a new key, which signs tokens from the next reload of "
              "nginx on. Older keys still verify; delete them once the "
              "tokens they signed have ended.",
      .example = "jobrunner key rotate",
      .handler = cr_command_key_rotate },

    { .noun = "key", .verb = "delete", .alias = "rm",
      .args = { { .name = "KEY" } },
      .summary = "trust a key of tokens no more",
      .text = "Deletes a key: from the next reload of nginx on, what it "
              "signed is void. The last key that signs cannot be deleted.",
      .example = "jobrunner key delete 01890a5d-ac96-774b-bcce-b302099a8057",
      .handler = cr_command_key_delete },

    { .noun = "job", .verb = "list", .alias = "ls",
      .summary = "list the jobs",
      .text = "Lists the jobs of the database: when each is due, how its "
              "last run ended, and what it did.",
      .example = "jobrunner job list",
      .handler = cr_command_job_list },

    { .noun = "job", .verb = "run",
      .args = { { .name = "KIND", .choices_of = cr_job_kind_choices } },
      .summary = "run a job now",
      .text = "Runs a job at once, in this process, whether the daemon runs "
              "or not, and prints what it did. The kinds are: upload-expire "
              "ends upload sessions that nobody goes on with; reclaim "
              "purges the trash, drops unreferenced content and removes "
              "its bytes; orphan-sweep finds stored files that no row "
              "names; backup copies the database into the folder of "
              "backups and drops the oldest copy; audit-purge drops old "
              "rows of the audit log and refresh tokens that have ended; "
              "checkpoint moves the write-ahead log into the database. The "
              "exit status is 7 when some items failed.",
      .example = "jobrunner job run reclaim",
      .handler = cr_command_job_run },

    { .noun = "config", .verb = "status",
      .summary = "show what became of the declarations in nginx.conf",
      .text = "Shows the set of users, projects, members and robots that "
              "nginx.conf declares and that is in force, and the newer one "
              "that waits or failed, with the reason. The exit status is 5 "
              "when one waits or failed.",
      .example = "jobrunner config status",
      .handler = cr_command_config_status },

    { .noun = "config", .verb = "diff",
      .summary = "show what the waiting declarations would change",
      .text = "Lists what the declared set that waits, or failed, would "
              "create, take over, change and remove.",
      .example = "jobrunner config diff",
      .handler = cr_command_config_diff },

    { .noun = "config", .verb = "apply",
      .summary = "apply declarations that are held",
      .text = "Applies the declared set that waits, whatever held it: nginx "
              "holds a set that is empty, that would remove more than a "
              "tenth of what is declared (and more than three), or that "
              "would leave no administrator. It lists what it changed.",
      .example = "jobrunner config apply",
      .handler = cr_command_config_apply },

    { .noun = "config", .verb = "prune",
      .flags = prune_flags,
      .summary = "delete what declarations have left behind",
      .text = "Deletes users that are disabled because their declaration "
              "went from nginx.conf. Where it says \"declared exclusive\" it "
              "deletes also the members and robots of declared projects "
              "that are not declared. Projects and what is in them stay.",
      .example = "jobrunner config prune --dry-run",
      .handler = cr_command_config_prune },

    { .noun = "version",
      .summary = "print the version",
      .text = "Prints the version of the program and of the schema it "
              "has.",
      .example = "jobrunner version",
      .handler = cr_command_version },

    { .noun = "completion",
      .args = { { .name = "SHELL", .choices = "bash" } },
      .summary = "print a completion script",
      .text = "Prints a script that completes commands and flags, for bash.",
      .example = "jobrunner completion bash",
      .handler = cr_command_completion },

    { .noun = "help",
      .args = { { .name = "NOUN", .optional = true },
                { .name = "VERB", .optional = true } },
      .flags = help_flags,
      .summary = "print help, or the manual page",
      .text = "Prints the list of commands, the help of one command, or "
              "with --man the whole manual page.",
      .example = "jobrunner help user passwd",
      .handler = cr_command_help },

    { .noun = NULL }
};

/* clang-format on */
