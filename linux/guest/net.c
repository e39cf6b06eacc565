// SPDX-License-Identifier: GPL-2.0-only
// Copyright (c) 2026 The Ebb authors
/* Traffic of an e1000e: all that is sent to an echo service must come back as it was. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest.h"

static int connection;
static uint64_t bytes;

static bool set_address(int fd, struct ifreq *interface, unsigned long what, const char *address)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&interface->ifr_addr;

	memset(in, 0, sizeof(*in));
	in->sin_family = AF_INET;
	inet_pton(AF_INET, address, &in->sin_addr);
	return !ioctl(fd, what, interface);
}

static bool interface_up(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq interface = { .ifr_name = "eth0" };
	bool good;

	good = set_address(fd, &interface, SIOCSIFADDR, "10.0.2.15") &&
	       set_address(fd, &interface, SIOCSIFNETMASK, "255.255.255.0");
	interface.ifr_flags = IFF_UP | IFF_RUNNING;
	good = good && !ioctl(fd, SIOCSIFFLAGS, &interface);
	close(fd);
	return good;
}

static bool connect_to_echo(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(7) };

	inet_pton(AF_INET, "10.0.2.100", &to.sin_addr);
	for (unsigned int i = 0; i < 100; i++) {
		connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (!connect(connection, (struct sockaddr *)&to, sizeof(to)))
			return true;
		close(connection);
		sleep_ms(100);
	}
	return false;
}

/* Both directions make the same bytes, each with a generator of its own. */
static void send_all(void)
{
	static uint64_t buffer[8192];
	uint64_t state = 1, sizes = 2, sent = 0;

	while (sent < bytes && !has_failed()) {
		size_t words = 1 + next_random(&sizes) % 8192, put = 0;

		for (size_t i = 0; i < words; i++)
			buffer[i] = next_random(&state);
		while (put < words * 8) {
			ssize_t n = write(connection, (char *)buffer + put, words * 8 - put);

			if (n <= 0) {
				fail("sending");
				break;
			}
			put += (size_t)n;
		}
		sent += words * 8;
	}
	shutdown(connection, SHUT_WR);
}

static uint64_t receive_all(void)
{
	static uint8_t buffer[65536];
	uint64_t state = 1, word = 0, received = 0;
	ssize_t n;

	while ((n = read(connection, buffer, sizeof(buffer))) > 0 && !has_failed()) {
		for (ssize_t i = 0; i < n; i++, received++, word >>= 8) {
			if (received % 8 == 0)
				word = next_random(&state);
			if (buffer[i] != (uint8_t)word) {
				fail("byte %llu is wrong", (unsigned long long)received);
				break;
			}
		}
	}
	return received;
}

static uint64_t received_bytes;

static void direction(unsigned int index)
{
	if (index)
		send_all();
	else
		received_bytes = receive_all();
}

void run_net(void)
{
	struct reclaim_stats before = reclaim_stats();
	uint64_t ns;

	bytes = number("bytes", UINT64_C(32) << 20);
	if (!interface_up() || !connect_to_echo()) {
		fail("connecting");
		return;
	}
	errno = 0;
	disturb_start();
	ns = now_ns();
	run_threads(2, direction);
	disturb_stop();
	if (received_bytes < bytes)
		fail("only %llu bytes came back", (unsigned long long)received_bytes);
	report("bytes", received_bytes);
	report("ns", now_ns() - ns);
	report_reclaim(before);
	close(connection);
}
