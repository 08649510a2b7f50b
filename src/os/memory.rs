//! Memory that is no longer needed goes back to the system.

use std::ffi::{c_int, c_void};

/// Has the allocator give back what it keeps for later, after much was freed. Takes a fraction of a millisecond.
pub fn give_back() {
    // SAFETY: takes a number, locks for itself, and touches nothing that is in use.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Takes the program's text out of this process's memory, after work that is rarely done again: what runs on comes back page by page
/// from the file's cache, the rest stays out. Takes a fraction of a millisecond.
pub fn give_text_back() {
    // SAFETY: the callback has the signature that is asked for, keeps none of its arguments, and needs no data.
    unsafe {
        libc::dl_iterate_phdr(Some(text_back), std::ptr::null_mut());
    }
}

/// Gives back the text of one loaded object.
unsafe extern "C" fn text_back(object: *mut libc::dl_phdr_info, _size: usize, _data: *mut c_void) -> c_int {
    // SAFETY: the loader hands over a description that lives through this call, with `dlpi_phnum` headers.
    let (base, headers) = unsafe {
        let object = &*object;
        if object.dlpi_phdr.is_null() {
            return 0;
        }
        (object.dlpi_addr, std::slice::from_raw_parts(object.dlpi_phdr, object.dlpi_phnum.into()))
    };
    for header in headers {
        if header.p_type != libc::PT_LOAD || header.p_flags & (libc::PF_X | libc::PF_W) != libc::PF_X {
            continue;
        }
        let (from, to) = (base + header.p_vaddr, base + header.p_vaddr + header.p_memsz);
        let from = from & !(PAGE - 1);
        // SAFETY: a mapping of a file that nobody may write to: the pages that are dropped are read again from the file as they are.
        // A refusal changes nothing.
        unsafe {
            libc::madvise(from as *mut c_void, (to - from) as usize, libc::MADV_DONTNEED);
        }
    }
    0
}

/// No page is smaller, and a start that lies on a larger one's border lies on this one's.
const PAGE: u64 = 4096;
