//! Who is let in: asked of every request, before anything of its body is read.

use access::Guard;
use http::Request;

use crate::error::Refusal;

/// Lets a request in that is for a name of this server.
pub(crate) fn check_host<B>(guard: &Guard, request: &Request<B>) -> Result<(), Refusal> {
    let checked = guard.check_host(request);
    checked.map_err(|source| Refusal::ForbiddenHost { source })
}

/// Lets a request in whose sender may send, and notes the name of the sender in its extensions.
pub(crate) fn check_sender<B>(guard: &Guard, request: &mut Request<B>) -> Result<(), Refusal> {
    let identified = guard.identify(request);
    match identified {
        Ok(Some(name)) => {
            request.extensions_mut().insert(name);
            Ok(())
        }
        Ok(None) => Ok(()),
        Err(source) => Err(Refusal::Unauthenticated { source }),
    }
}
