//! What is held: probes and leases.

use super::super::read::{Fields, Section, require};
use super::super::{MAX_LEASE_COUNT, MAX_LEASES, MAX_PROBES, flag, lease_len};
use super::is_instant;
use crate::snapshot::{LeaseSnapshot, ProbeSnapshot, ProbesSnapshot, Snapshot};

impl Snapshot {
    pub(super) fn read_probes(&mut self, section: &Section<'_>) -> Result<(), &'static str> {
        require(section.flags == flag::CRITICAL, "probes")?;
        let Some((_, packed)) = section.body.split_first_chunk::<7>() else { return Err("probes") };
        let first_at = Fields(section.body).u56();
        require(first_at >= 1 && first_at <= self.last_at, "probes.first_us")?;
        let (packed, rest) = packed.as_chunks::<10>();
        require(rest.is_empty() && packed.len() <= MAX_PROBES, "probes.live")?;
        let mut live = self.probes.take().unwrap_or_default().live;
        live.clear();
        for probe in packed {
            let mut fields = Fields(probe);
            let probe = ProbeSnapshot { id: fields.u24(), expires_at: fields.u56() };
            // A re-entrant holder's probes share an id: then the ends ascend.
            let last = live.last().map_or((1, 0), |last: &ProbeSnapshot| (last.id, last.expires_at));
            require((probe.id, probe.expires_at) >= last, "probes.live.id")?;
            require(is_instant(probe.expires_at), "probes.live.expires_us")?;
            live.push(probe);
        }
        self.probes = Some(ProbesSnapshot { first_at, live });
        Ok(())
    }

    pub(super) fn read_leases(&mut self, section: &Section<'_>) -> Result<(), &'static str> {
        let (size, flags) = (lease_len(section.flags), section.flags);
        let known = flag::CRITICAL | flag::HOLDERS | flag::COUNTS;
        require(flags & !known == 0 && flags & flag::CRITICAL != 0, "leases")?;
        let packed = section.body.chunks_exact(size);
        require(packed.remainder().is_empty(), "leases")?;
        require(matches!(packed.len(), 1..=MAX_LEASES), "leases")?;
        self.leases.reserve(packed.len());
        let (mut before, mut holders, mut counts) = (0, false, false);
        for lease in packed {
            let lease = read_lease(section, lease)?;
            require(lease.id > before, "leases.id")?;
            before = lease.id;
            holders |= lease.holder != 0;
            counts |= lease.count != 1;
            self.leases.push(lease);
        }
        require(holders == (flags & flag::HOLDERS != 0), "leases.holder")?;
        require(counts == (flags & flag::COUNTS != 0), "leases.count")
    }
}

fn read_lease(section: &Section<'_>, bytes: &[u8]) -> Result<LeaseSnapshot, &'static str> {
    let mut fields = Fields(bytes);
    let lease = LeaseSnapshot {
        id: fields.u24(),
        expires_at: fields.u56(),
        holder: if section.flags & flag::HOLDERS == 0 { 0 } else { fields.u64() },
        count: if section.flags & flag::COUNTS == 0 { 1 } else { fields.u16() },
    };
    require(is_instant(lease.expires_at), "leases.expires_us")?;
    require(matches!(lease.count, 1..=MAX_LEASE_COUNT), "leases.count")?;
    Ok(lease)
}
