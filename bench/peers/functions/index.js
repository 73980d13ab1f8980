// The same function for every peer: it answers its event.
exports.handler = async (event) => event;

// Google's functions framework hands over a request and a response instead.
exports.echo = (request, response) => response.json(request.body);
