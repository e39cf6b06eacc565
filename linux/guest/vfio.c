// SPDX-License-Identifier: GPL-2.0-only
// Copyright (c) 2026 The Ebb authors
/* One PCI device whose IOVA space this program owns, through VFIO type 1 or through iommufd. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest.h"

#define PCI "/sys/bus/pci"

/* Registers of QEMU's edu device, and where its buffer lies in its own address space. */
#define EDU_SOURCE	0x80
#define EDU_DESTINATION 0x88
#define EDU_COUNT	0x90
#define EDU_COMMAND	0x98
#define EDU_BUFFER	0x40000
#define EDU_START	1
#define EDU_TO_MEMORY	2

struct device {
	int space; /* the container, or /dev/iommu */
	int group; /* type 1 only, else -1 */
	int fd;
	uint32_t ioas; /* iommufd only */
	volatile uint8_t *registers;
	size_t registers_size;
};

static bool bind_to_vfio(const char *address)
{
	char path[PATH_MAX], target[PATH_MAX] = "";

	snprintf(path, sizeof(path), PCI "/devices/%s/driver", address);
	if (readlink(path, target, sizeof(target) - 1) > 0 && !strcmp(basename(target), "vfio-pci"))
		return true;
	snprintf(path, sizeof(path), PCI "/devices/%s/driver_override", address);
	if (!write_file(path, "vfio-pci"))
		return false;
	snprintf(path, sizeof(path), PCI "/devices/%s/driver/unbind", address);
	write_file(path, address); /* fails where there is no driver */
	return write_file(PCI "/drivers_probe", address);
}

static bool open_type1(struct device *device, const char *address)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t length;

	snprintf(path, sizeof(path), PCI "/devices/%s/iommu_group", address);
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return false;
	target[length] = '\0';
	snprintf(path, sizeof(path), "/dev/vfio/%s", basename(target));
	device->group = open(path, O_RDWR | O_CLOEXEC);
	device->space = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (device->group < 0 || device->space < 0 ||
	    ioctl(device->group, VFIO_GROUP_SET_CONTAINER, &device->space) ||
	    ioctl(device->space, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return false;
	device->fd = ioctl(device->group, VFIO_GROUP_GET_DEVICE_FD, address);
	return device->fd >= 0;
}

/* The name of the device's only vfio-dev. */
static bool character_device(const char *address, char *path, size_t size)
{
	char directory[PATH_MAX];
	struct dirent *entry;
	bool found = false;
	DIR *names;

	snprintf(directory, sizeof(directory), PCI "/devices/%s/vfio-dev", address);
	names = opendir(directory);
	if (!names)
		return false;
	while (!found && (entry = readdir(names))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, size, "/dev/vfio/devices/%s", entry->d_name);
		found = true;
	}
	closedir(names);
	return found;
}

static bool open_iommufd(struct device *device, const char *address)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind) };
	struct vfio_device_attach_iommufd_pt attach = { .argsz = sizeof(attach) };
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	char path[PATH_MAX];

	if (!character_device(address, path, sizeof(path)))
		return false;
	device->fd = open(path, O_RDWR | O_CLOEXEC);
	device->space = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	bind.iommufd = device->space;
	if (device->fd < 0 || device->space < 0 ||
	    ioctl(device->fd, VFIO_DEVICE_BIND_IOMMUFD, &bind) ||
	    ioctl(device->space, IOMMU_IOAS_ALLOC, &alloc))
		return false;
	device->ioas = alloc.out_ioas_id;
	attach.pt_id = device->ioas;
	return !ioctl(device->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);
}

struct device *device_open(const char *backend, const char *address)
{
	struct device *device = calloc(1, sizeof(*device));
	bool is_open;

	if (!device)
		abort();
	device->space = device->group = device->fd = -1;
	is_open = bind_to_vfio(address);
	if (is_open && !strcmp(backend, "iommufd"))
		is_open = open_iommufd(device, address);
	else if (is_open)
		is_open = open_type1(device, address);
	if (!is_open) {
		fail("opening %s through %s", address, backend);
		device_close(device);
		return NULL;
	}
	errno = 0;
	return device;
}

void device_close(struct device *device)
{
	if (device->registers)
		munmap((void *)device->registers, device->registers_size);
	if (device->fd >= 0)
		close(device->fd);
	if (device->group >= 0)
		close(device->group);
	if (device->space >= 0)
		close(device->space);
	free(device);
}

int device_map(struct device *device, uint64_t iova, void *memory, uint64_t size)
{
	if (device->group >= 0) {
		struct vfio_iommu_type1_dma_map map = {
			.argsz = sizeof(map),
			.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
			.vaddr = (uintptr_t)memory,
			.iova = iova,
			.size = size,
		};

		return ioctl(device->space, VFIO_IOMMU_MAP_DMA, &map);
	}
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_WRITEABLE |
			 IOMMU_IOAS_MAP_READABLE,
		.ioas_id = device->ioas,
		.user_va = (uintptr_t)memory,
		.length = size,
		.iova = iova,
	};

	return ioctl(device->space, IOMMU_IOAS_MAP, &map);
}

int device_unmap(struct device *device, uint64_t iova, uint64_t size)
{
	uint64_t unmapped;
	int error;

	if (device->group >= 0) {
		struct vfio_iommu_type1_dma_unmap unmap = {
			.argsz = sizeof(unmap),
			.iova = iova,
			.size = size,
		};

		error = ioctl(device->space, VFIO_IOMMU_UNMAP_DMA, &unmap);
		unmapped = unmap.size;
	} else {
		struct iommu_ioas_unmap unmap = {
			.size = sizeof(unmap),
			.ioas_id = device->ioas,
			.iova = iova,
			.length = size,
		};

		error = ioctl(device->space, IOMMU_IOAS_UNMAP, &unmap);
		unmapped = unmap.length;
	}
	return error ? error : unmapped == size ? 0 : -1;
}

/* Where x86 has its interrupt messages. */
bool iova_is_reserved(uint64_t iova, uint64_t size)
{
	return iova < 0xfef00000 && iova + size > 0xfee00000;
}

static bool map_registers(struct device *device)
{
	struct vfio_region_info region = { .argsz = sizeof(region),
					   .index = VFIO_PCI_BAR0_REGION_INDEX };
	struct vfio_region_info config = { .argsz = sizeof(config),
					   .index = VFIO_PCI_CONFIG_REGION_INDEX };
	uint16_t command = 0x6; /* memory space, bus master */
	void *at;

	if (ioctl(device->fd, VFIO_DEVICE_GET_REGION_INFO, &region) ||
	    ioctl(device->fd, VFIO_DEVICE_GET_REGION_INFO, &config) ||
	    pwrite(device->fd, &command, 2, (off_t)config.offset + 4) != 2)
		return false;
	at = mmap(NULL, region.size, PROT_READ | PROT_WRITE, MAP_SHARED, device->fd,
		  (off_t)region.offset);
	if (at == MAP_FAILED)
		return false;
	device->registers = at;
	device->registers_size = region.size;
	return true;
}

static void edu_copy(struct device *device, uint64_t source, uint64_t destination, uint64_t flags)
{
	volatile uint8_t *registers = device->registers;

	*(volatile uint64_t *)(registers + EDU_SOURCE) = source;
	*(volatile uint64_t *)(registers + EDU_DESTINATION) = destination;
	*(volatile uint64_t *)(registers + EDU_COUNT) = sizeof(uint32_t);
	*(volatile uint64_t *)(registers + EDU_COMMAND) = EDU_START | flags;
	while (*(volatile uint64_t *)(registers + EDU_COMMAND) & EDU_START)
		sleep_ms(5);
}

bool device_write(struct device *device, uint64_t iova, volatile uint32_t *memory, uint32_t word)
{
	if (!device->registers && !map_registers(device))
		return false;
	/* The device reads the word, forgets nothing of it, and writes it a word further on. */
	memory[0] = word;
	memory[1] = ~word;
	edu_copy(device, iova, EDU_BUFFER, 0);
	edu_copy(device, EDU_BUFFER, iova + sizeof(uint32_t), EDU_TO_MEMORY);
	return memory[1] == word;
}
