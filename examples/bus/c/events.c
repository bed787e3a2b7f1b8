/*
 * Follows netmond's bus with nothing but POSIX sockets, and prints a line for
 * every flow that was closed.
 *
 * A message is one line of JSON; its payload is at most 384 bytes, as in
 * libwebsockets. A program with a JSON parser would use it; here a search does,
 * which is safe because netmond always writes the keys in the same order.
 *
 *   cc -o events events.c && ./events /var/run/netmond/netmond.sock
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static const char request[] = "{\"do\":\"events\",\"class\":\"network\"}\n";
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const char *path = argc > 1 ? argv[1] : "/var/run/netmond/netmond.sock";
	char line[64 * 1024]; /* the snapshot, which comes first, is the longest */
	FILE *in;
	int fd;

	if (strlen(path) >= sizeof(to.sun_path)) {
		fprintf(stderr, "%s: path too long\n", path);
		return 2;
	}
	strcpy(to.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		perror(path);
		return 1;
	}
	if (write(fd, request, sizeof(request) - 1) != (ssize_t)(sizeof(request) - 1)) {
		perror("write");
		return 1;
	}
	in = fdopen(fd, "r");
	if (!in) {
		perror("fdopen");
		return 1;
	}
	while (fgets(line, sizeof(line), in)) {
		if (strstr(line, "\"snapshot\":"))
			puts("connected");
		else if (strstr(line, "\"lost\":"))
			fputs(line, stdout);
		else if (strstr(line, "\"type\":\"flow\""))
			fputs(line, stdout);
		fflush(stdout);
	}
	return 0;
}
