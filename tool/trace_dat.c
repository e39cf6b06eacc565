/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright (c) 2026 The Ebb authors */
/*
 * trace.dat through libtracecmd, in a process of its own: the library calls us back where we want
 * to be asked for the next event, prints where it likes, and may crash on a damaged file. The child
 * sends a stream of messages through a pipe; whatever ends it before the message that says
 * "complete" means that the file cannot be used.
 */
#include "trace_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <trace-cmd/trace-cmd.h>
#include <unistd.h>

/*
 * A damaged file can also send libtracecmd into an endless loop: so many seconds of computing
 * without a record end it.
 */
#define PATIENCE_SECONDS 30
#define PATIENCE_RECORDS 4096u

enum message_kind {
	MESSAGE_EVENT,
	MESSAGE_COMPLETE,
};

struct message {
	enum message_kind kind;
	struct trace_event event;
	struct trace_counts counts; /* so far */
};

struct trace_dat {
	pid_t child;
	FILE *from_child;
};

/* ---- the child ------------------------------------------------------------------------------- */

struct child {
	struct message message;
	struct tep_event *map, *unmap; /* NULL where the file does not have the event */
	FILE *out;
};

static bool send_message(struct child *child, enum message_kind kind)
{
	child->message.kind = kind;
	return fwrite(&child->message, sizeof(child->message), 1, child->out) == 1;
}

/* Lets a signal end the process unless this is called again in time. */
static void be_patient(void)
{
	const struct itimerval timer = { .it_value.tv_sec = PATIENCE_SECONDS };

	setitimer(ITIMER_PROF, &timer, NULL);
}

static bool field(struct tep_event *event, const char *name, struct tep_record *record,
		  uint64_t *value)
{
	unsigned long long number;

	if (tep_get_field_val(NULL, event, name, record, &number, 0) != 0)
		return false;
	*value = number;
	return true;
}

static bool read_record(struct child *child, struct tep_event *format, struct tep_record *record)
{
	struct trace_event *event = &child->message.event;

	*event = (struct trace_event){ .is_map = format == child->map,
				       .time_ns = record->ts,
				       .has_time = true };
	return field(format, "iova", record, &event->iova) &&
	       field(format, "size", record, &event->size) &&
	       (!event->is_map || field(format, "paddr", record, &event->paddr));
}

/* libtracecmd's callback for every record, in the order of time. Not 0: stop. */
static int on_record(struct tracecmd_input *file, struct tep_record *record, int cpu, void *arg)
{
	struct child *child = arg;
	struct trace_counts *counts = &child->message.counts;
	int id = tep_data_type(tracecmd_get_tep(file), record);
	struct tep_event *format = NULL;

	(void)cpu;
	if (counts->lines++ % PATIENCE_RECORDS == 0)
		be_patient();
	if (record->missed_events != 0)
		counts->lost += record->missed_events > 0 ? (uint64_t)record->missed_events : 1;
	if (child->map != NULL && id == child->map->id)
		format = child->map;
	else if (child->unmap != NULL && id == child->unmap->id)
		format = child->unmap;
	if (format == NULL) {
		counts->ignored++;
		return 0;
	}
	if (read_record(child, format, record))
		return send_message(child, MESSAGE_EVENT) ? 0 : -1;
	if (counts->garbled++ == 0)
		counts->first_garbled = counts->lines;
	return 0;
}

static bool send_file(struct child *child, int fd)
{
	struct tracecmd_input *file;
	struct tep_handle *tep;

	be_patient();
	file = tracecmd_open_fd(fd, TRACECMD_FL_LOAD_NO_PLUGINS);
	tep = file != NULL ? tracecmd_get_tep(file) : NULL;
	if (tep == NULL)
		return false;
	child->map = tep_find_event_by_name(tep, "iommu", "map");
	child->unmap = tep_find_event_by_name(tep, "iommu", "unmap");
	child->message.counts.instances = tracecmd_buffer_instances(file) > 0;
	return tracecmd_iterate_events(file, NULL, 0, on_record, child) == 0 &&
	       send_message(child, MESSAGE_COMPLETE) && fflush(child->out) == 0;
}

/*
 * A crash ends the process at once: no handler of the program around us runs, and no core is left
 * behind.
 */
static void crash_quietly(void)
{
	static const int crashes[] = { SIGSEGV, SIGBUS,	 SIGILL, SIGFPE,
				       SIGABRT, SIGTRAP, SIGSYS, SIGPROF };
	const struct rlimit no_core = { 0, 0 };

	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		signal(crashes[i], SIG_DFL);
	setrlimit(RLIMIT_CORE, &no_core);
}

/*
 * Never returns. What libtracecmd prints is of no use to our user, and what it leaks goes with the
 * process.
 */
static void child_main(int fd, const int ends[2])
{
	struct child child = { .out = fdopen(ends[1], "w") };
	int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

	close(ends[0]); /* or no broken pipe would ever tell us that our parent lost interest */
	crash_quietly();
	tracecmd_set_loglevel(TEP_LOG_NONE);
	tep_set_loglevel(TEP_LOG_NONE);
	if (child.out == NULL || nowhere < 0 || dup2(nowhere, STDOUT_FILENO) < 0 ||
	    dup2(nowhere, STDERR_FILENO) < 0 || lseek(fd, 0, SEEK_SET) != 0)
		_exit(EXIT_FAILURE);
	_exit(send_file(&child, fd) ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* ---- the parent ------------------------------------------------------------------------------ */

static void close_pipe(const int ends[2])
{
	int error = errno;

	close(ends[0]);
	close(ends[1]);
	errno = error;
}

struct trace_dat *trace_dat_open(int fd)
{
	struct trace_dat *dat = calloc(1, sizeof(*dat));
	int ends[2];

	if (dat == NULL || pipe2(ends, O_CLOEXEC) != 0)
		goto no_pipe;
	dat->child = fork();
	if (dat->child == 0)
		child_main(fd, ends);
	dat->from_child = dat->child > 0 ? fdopen(ends[0], "r") : NULL;
	if (dat->from_child != NULL) {
		close(ends[1]);
		return dat;
	}
	close_pipe(ends);
	if (dat->child > 0)
		waitpid(dat->child, NULL, 0);
no_pipe:
	free(dat);
	return NULL;
}

enum trace_status trace_dat_next(struct trace_dat *dat, struct trace_event *event,
				 struct trace_counts *counts)
{
	uint64_t events = counts->events;
	struct message message;

	if (fread(&message, sizeof(message), 1, dat->from_child) != 1)
		return TRACE_ERROR;
	*counts = message.counts;
	counts->events = events;
	*event = message.event;
	return message.kind == MESSAGE_EVENT ? TRACE_EVENT : TRACE_END;
}

void trace_dat_close(struct trace_dat *dat)
{
	if (dat == NULL)
		return;
	fclose(dat->from_child); /* a child that is still sending gets a broken pipe */
	waitpid(dat->child, NULL, 0);
	free(dat);
}
