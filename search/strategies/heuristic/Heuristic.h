// The hand-written heuristic: for each shape of kernel a few rules that lead to a good schedule at once.
#pragma once
#include "search/Plan.h"

namespace tgc::heuristic {

/// One file each; nothing where the rules have no answer for this kernel and device.
std::optional<Schedule> mapSchedule(const KernelInfo &kernel, const DeviceInfo &device);
std::optional<Schedule> splitSchedule(const KernelInfo &kernel, const DeviceInfo &device);
std::optional<Schedule> reduceSchedule(const KernelInfo &kernel, const DeviceInfo &device);
std::optional<Schedule> rolesContractSchedule(const KernelInfo &kernel, const DeviceInfo &device);
std::optional<Schedule> rolesAttendSchedule(const KernelInfo &kernel, const DeviceInfo &device);
std::optional<Schedule> directAttendSchedule(const KernelInfo &kernel, const DeviceInfo &device);
std::optional<Schedule> directVectorSchedule(const KernelInfo &kernel, const DeviceInfo &device);
std::optional<Schedule> directContractSchedule(const KernelInfo &kernel, const DeviceInfo &device);
std::optional<Schedule> groupsContractSchedule(const KernelInfo &kernel, const DeviceInfo &device);
std::optional<Schedule> groupsAttendSchedule(const KernelInfo &kernel, const DeviceInfo &device);
std::optional<Schedule> contractSchedule(const KernelInfo &kernel, const DeviceInfo &device);
std::optional<Schedule> attendSchedule(const KernelInfo &kernel, const DeviceInfo &device);
std::optional<Schedule> loopContractSchedule(const KernelInfo &kernel, const DeviceInfo &device);
std::optional<Schedule> loopAttendSchedule(const KernelInfo &kernel, const DeviceInfo &device);
std::optional<Schedule> threadMapSchedule(const KernelInfo &kernel, const DeviceInfo &device);
std::optional<Schedule> threadReduceSchedule(const KernelInfo &kernel, const DeviceInfo &device);
std::optional<Schedule> threadContractSchedule(const KernelInfo &kernel, const DeviceInfo &device);
std::optional<Schedule> threadAttendSchedule(const KernelInfo &kernel, const DeviceInfo &device);
std::optional<Schedule> threadAnySchedule(const KernelInfo &kernel, const DeviceInfo &device);

/// Up to `count` schedules of a product by an atom of one thread, those first that the estimate of contractSchedule puts
/// first; none where it has no answer.
std::vector<Schedule> contractSchedules(const KernelInfo &kernel, const DeviceInfo &device, size_t count);
/// Seconds by that estimate, for a pipe's plan of a contraction on a device with one thread a block.
double contractSeconds(const KernelInfo &kernel, const DeviceInfo &device, const Plan &plan);
/// Attention's schedule with other blocks of queries and keys.
std::vector<Schedule> attendSchedules(const KernelInfo &kernel, const DeviceInfo &device);

} // namespace tgc::heuristic
