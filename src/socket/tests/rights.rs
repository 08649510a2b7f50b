//! Who may reach a socket: modes of sockets and of the folders that they are in.

use std::os::unix::fs::PermissionsExt;

use super::*;

#[tokio::test]
async fn rights_are_the_owners_alone() -> Outcome {
    let owner = Owner::new()?;
    let mode = |path: &Path| std::fs::metadata(path).map(|found| found.permissions().mode() & 0o7777);
    assert_eq!(mode(&owner.path)?, 0o600);
    assert_eq!(mode(owner.path.parent().ok_or("no parent")?)?, 0o700);
    Ok(())
}

#[tokio::test]
async fn a_group_gets_its_rights() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("run/plane.sock");
    let _listener = Listener::bind(&path, Access::Group(rustix::process::getgid().as_raw()), &[])?;
    let mode = |path: &Path| std::fs::metadata(path).map(|found| found.permissions().mode() & 0o7777);
    assert_eq!(mode(&path)?, 0o660);
    assert_eq!(mode(path.parent().ok_or("no parent")?)?, 0o750);
    Ok(())
}

#[test]
fn a_folder_that_others_can_write_into_is_not_taken() -> Outcome {
    let folder = tempfile::tempdir()?;
    let open = folder.path().join("open");
    std::fs::create_dir(&open)?;
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777))?;
    let error = make_folder(&open, Access::Owner).expect_err("it was taken");
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    assert!(error.to_string().contains("others can write into it (mode 0777)"), "{error}");
    Ok(())
}

#[test]
fn a_folder_open_to_readers_is_left_as_it_is() -> Outcome {
    let folder = tempfile::tempdir()?;
    let shared = folder.path().join("shared");
    std::fs::create_dir(&shared)?;
    std::fs::set_permissions(&shared, std::fs::Permissions::from_mode(0o755))?;
    make_folder(&shared, Access::Owner)?;
    assert_eq!(std::fs::metadata(&shared)?.permissions().mode() & 0o7777, 0o755);
    Ok(())
}
