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

} // namespace tgc::heuristic
